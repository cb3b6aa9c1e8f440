-- Makes the list of open orders agree with an order's record. KEYS: order, open. ARGV: orderId.
local nextPollAt = redis.call('HGET', KEYS[1], 'nextPollAt')
if nextPollAt and nextPollAt ~= '' then
  redis.call('ZADD', KEYS[2], nextPollAt, ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
