-- Completes a result. KEYS: delivery state of the order's bucket, lock of the order, results, parked. ARGV: group, streamId,
-- holder, orderId, delivery state to store: stateversion, streamId, time ('' = none), its TTL in ms, then, to park the result,
-- the field, value, ... of the parked entry. Idempotent.
-- Acknowledging comes last: a result whose delivery state could not be stored, or that could not be parked, must come again.

local function isAfter(one, other)
  local ms, nth = string.match(one, '^(%d+)-(%d+)$')
  local otherMs, otherNth = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= otherMs then return tonumber(ms) > tonumber(otherMs) end
  return tonumber(nth) > tonumber(otherNth)
end

if ARGV[5] ~= '' then
  local note = redis.pcall('HGET', KEYS[1], ARGV[4])
  if type(note) == 'table' then
    -- Delete a key of another type: without delivery state, results of these orders would be handled again and again.
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
    -- No result has this id: this checks that XACK is allowed before the result is parked.
    redis.call('XACK', KEYS[3], ARGV[1], '0-0')
    redis.call('XADD', KEYS[4], '*', unpack(ARGV, 7))
  end
end
local acknowledged = redis.call('XACK', KEYS[3], ARGV[1], ARGV[2])
if redis.pcall('GET', KEYS[2]) == ARGV[3] then redis.call('DEL', KEYS[2]) end
return acknowledged
