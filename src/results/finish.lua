-- A result needs no more handling. KEYS: what the group has handled of its order, results, parked.
-- ARGV: group, streamId, holder, stateversion that is handled now ('' = none), life of the key in ms, then, to park it,
-- the field, value, ... of the parked entry. Doing it again changes nothing.
local acknowledged = redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
if redis.call('HGET', KEYS[1], 'holder') == ARGV[3] then redis.call('HDEL', KEYS[1], 'holder', 'until') end
if ARGV[4] ~= '' then
  if tonumber(redis.call('HGET', KEYS[1], 'version') or 0) < tonumber(ARGV[4]) then
    redis.call('HSET', KEYS[1], 'version', ARGV[4])
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
if #ARGV > 5 and acknowledged == 1 then redis.call('XADD', KEYS[3], '*', unpack(ARGV, 6)) end
return acknowledged
