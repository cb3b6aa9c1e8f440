-- Makes the lists of open orders agree with an order's record. KEYS: order, open, asking. ARGV: orderId.
local known = redis.call('HMGET', KEYS[1], 'nextPollAt', 'phase', 'createdAt')
local isOpen = known[1] and known[1] ~= ''
if isOpen then
  redis.call('ZADD', KEYS[2], known[1], ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
if isOpen and known[2] == 'asking' then
  redis.call('ZADD', KEYS[3], known[3], ARGV[1])
else
  redis.call('ZREM', KEYS[3], ARGV[1])
end
