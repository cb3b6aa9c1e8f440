-- A result needs no more handling. KEYS: what the group has handled of its order, results, parked.
-- ARGV: group, streamId, holder, stateversion that is handled now ('' = none), life of the key in ms, then, to park it,
-- the field, value, ... of the parked entry. Doing it again changes nothing.
-- Acknowledging comes last: a result that could be neither noted nor parked must come again.
if ARGV[4] ~= '' then
  if tonumber(redis.call('HGET', KEYS[1], 'version') or 0) < tonumber(ARGV[4]) then
    redis.call('HSET', KEYS[1], 'version', ARGV[4])
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
if #ARGV > 5 then
  local pending = redis.pcall('XPENDING', KEYS[2], ARGV[1], ARGV[2], ARGV[2], 1)
  if not pending.err and #pending > 0 then
    -- No result has this id. If acknowledging is refused, that shows before the result is parked.
    redis.call('XACK', KEYS[2], ARGV[1], '0-0')
    redis.call('XADD', KEYS[3], '*', unpack(ARGV, 6))
  end
end
local acknowledged = redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
if redis.call('HGET', KEYS[1], 'holder') == ARGV[3] then redis.call('HDEL', KEYS[1], 'holder', 'until') end
return acknowledged
