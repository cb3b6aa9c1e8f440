-- Removes delivery state of results that cannot be delivered again. KEYS: delivery state of the group, a hash per bucket.
-- ARGV: epoch ms, stream id: entries from before both are removed; TTL of the rest in ms.
-- Returns how many entries it has removed.
local before, firstMs, firstNth = tonumber(ARGV[1]), string.match(ARGV[2], '^(%d+)-(%d+)$')
local forgotten = 0

local function isOver(note)
  local ms, nth = string.match(note, '^%d+ (%d+)-(%d+) %d+$')
  -- An entry that cannot be parsed is useless.
  if not ms then return true end
  if tonumber(ms) >= before then return false end
  if ms ~= firstMs then return tonumber(ms) < tonumber(firstMs) end
  return tonumber(nth) < tonumber(firstNth)
end

for _, key in ipairs(KEYS) do
  local cursor = '0'
  repeat
    local found = redis.pcall('HSCAN', key, cursor, 'COUNT', 500)
    -- A key of another type is replaced when the next result of these orders is finished.
    if found.err then break end
    cursor = found[1]
    for i = 1, #found[2], 2 do
      if isOver(found[2][i + 1]) then forgotten = forgotten + redis.call('HDEL', key, found[2][i]) end
    end
  until cursor == '0'
  redis.call('PEXPIRE', key, ARGV[3])
end
return forgotten
