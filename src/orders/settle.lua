-- Moves an order one step and publishes its verdict, all or nothing.
-- KEYS: order, open, results. ARGV: orderId, revision it was decided on, nextPollAt ('' = closed), retention in ms,
-- number of field strings, field, value, ..., then the event's field, value, ... (none = nothing to publish)
-- Returns 'settled', 'stale' (someone else moved it first: decide again) or 'gone'.
local revision = redis.call('HGET', KEYS[1], 'revision')
if not revision then return 'gone' end
if revision ~= ARGV[2] then return 'stale' end
local last = 5 + tonumber(ARGV[5])
redis.call('HSET', KEYS[1], unpack(ARGV, 6, last))
redis.call('HINCRBY', KEYS[1], 'revision', 1)
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
else
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
  redis.call('PERSIST', KEYS[1])
end
if #ARGV > last then redis.call('XADD', KEYS[3], '*', unpack(ARGV, last + 1)) end
return 'settled'
