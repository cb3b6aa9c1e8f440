-- Has the turn of a result come? KEYS: what the group has handled of this and other orders, the lock of the order, results.
-- ARGV: group, streamId, orderId, stateversion, time of the result in ms, holder, lock ms, fresh ms.
-- Returns 'stale' (this or a newer result of the order was handled), 'wait' (a result of the order is being handled, or
-- an older one is to come first) or 'go' (the order is locked for the holder).
local note = redis.pcall('HGET', KEYS[1], ARGV[3])
-- A note that cannot be read is none: the result is handled, perhaps again.
local version, position, time = string.match(type(note) == 'string' and note or '', '^(%d+) (%d+%-%d+) (%d+)$')

local function isAfter(one, other)
  local ms, nth = string.match(one, '^(%d+)-(%d+)$')
  local otherMs, otherNth = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= otherMs then return tonumber(ms) > tonumber(otherMs) end
  return tonumber(nth) > tonumber(otherNth)
end

-- Versions begin anew where an order id is used again after its record was removed. A result of that order stands behind the
-- old one's on the stream, like a result that was published once more; but it is younger, too.
local function isHandled()
  if not position then return false end
  if not isAfter(ARGV[2], position) then return true end
  return tonumber(ARGV[4]) <= tonumber(version) and tonumber(ARGV[5]) <= tonumber(time)
end

-- An older result is waited for while somebody has it in hand or it was tried only a few times; not while it keeps failing.
local function isOlderUnderWay()
  local from = position and '(' .. position or '-'
  for _ = 1, 50 do
    -- An error (there is no such group) has no entries.
    local pending = redis.pcall('XPENDING', KEYS[3], ARGV[1], from, '(' .. ARGV[2], 100)
    for _, each in ipairs(pending) do
      from = '(' .. each[1]
      local underWay = each[3] < tonumber(ARGV[8]) or each[4] <= 3
      local entry = underWay and redis.call('XRANGE', KEYS[3], each[1], each[1])[1]
      local fields = entry and entry[2] or {}
      for i = 1, #fields - 1, 2 do
        if fields[i] == 'subject' and fields[i + 1] == ARGV[3] then return true end
      end
    end
    if #pending < 100 then return false end
  end
  return true
end

if isHandled() then return 'stale' end
local holder = redis.pcall('GET', KEYS[2])
if type(holder) == 'string' and holder ~= ARGV[6] then return 'wait' end
if tonumber(ARGV[4]) > 1 and isOlderUnderWay() then return 'wait' end
redis.call('SET', KEYS[2], ARGV[6], 'PX', ARGV[7])
return 'go'
