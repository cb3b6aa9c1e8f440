-- Forgets what a group has handled and what can come no more. KEYS: notes of the group, each a hash of some orders.
-- ARGV: epoch ms, stream id: notes from before both go; life of what is left in ms.
-- Returns how many it has forgotten.
local before, firstMs, firstNth = tonumber(ARGV[1]), string.match(ARGV[2], '^(%d+)-(%d+)$')
local forgotten = 0

local function isOver(note)
  local ms, nth = string.match(note, '^%d+ (%d+)-(%d+) %d+$')
  -- What cannot be read says nothing.
  if not ms then return true end
  if tonumber(ms) >= before then return false end
  if ms ~= firstMs then return tonumber(ms) < tonumber(firstMs) end
  return tonumber(nth) < tonumber(firstNth)
end

for _, key in ipairs(KEYS) do
  local cursor = '0'
  repeat
    local found = redis.pcall('HSCAN', key, cursor, 'COUNT', 500)
    -- Of another type: the next result of these orders puts notes in its place.
    if found.err then break end
    cursor = found[1]
    for i = 1, #found[2], 2 do
      if isOver(found[2][i + 1]) then forgotten = forgotten + redis.call('HDEL', key, found[2][i]) end
    end
  until cursor == '0'
  redis.call('PEXPIRE', key, ARGV[3])
end
return forgotten
