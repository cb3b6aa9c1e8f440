-- Records a query before it is sent, unless its order is gone. KEYS: query token, order. ARGV: orderId, TTL in ms, query.
if redis.call('EXISTS', KEYS[2]) == 0 then return end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('HSET', KEYS[2], 'query', ARGV[3])
