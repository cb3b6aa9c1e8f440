-- A result needs no more handling. KEYS: what the group has handled of this and other orders, the lock of the order, results,
-- parked. ARGV: group, streamId, holder, orderId, what to remember: stateversion, streamId, time ('' = nothing), life of what
-- is remembered in ms, then, to park it, the field, value, ... of the parked entry. Doing it again changes nothing.
-- Acknowledging comes last: a result that could be neither noted nor parked must come again.

local function isAfter(one, other)
  local ms, nth = string.match(one, '^(%d+)-(%d+)$')
  local otherMs, otherNth = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= otherMs then return tonumber(ms) > tonumber(otherMs) end
  return tonumber(nth) > tonumber(otherNth)
end

if ARGV[5] ~= '' then
  local note = redis.pcall('HGET', KEYS[1], ARGV[4])
  if type(note) == 'table' then
    -- Something else in the place of our notes would have every result of these orders handled for ever.
    if not string.find(note.err, '^WRONGTYPE') then return redis.error_reply(note.err) end
    redis.call('DEL', KEYS[1])
    note = false
  end
  local position = note and string.match(note, '^%d+ (%d+%-%d+) %d+$')
  if not position or isAfter(ARGV[2], position) then redis.call('HSET', KEYS[1], ARGV[4], ARGV[5]) end
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
end
if #ARGV > 6 then
  local pending = redis.pcall('XPENDING', KEYS[3], ARGV[1], ARGV[2], ARGV[2], 1)
  if not pending.err and #pending > 0 then
    -- No result has this id. If acknowledging is refused, that shows before the result is parked.
    redis.call('XACK', KEYS[3], ARGV[1], '0-0')
    redis.call('XADD', KEYS[4], '*', unpack(ARGV, 7))
  end
end
local acknowledged = redis.call('XACK', KEYS[3], ARGV[1], ARGV[2])
if redis.pcall('GET', KEYS[2]) == ARGV[3] then redis.call('DEL', KEYS[2]) end
return acknowledged
