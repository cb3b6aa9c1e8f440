-- Renews the results that a consumer is handling, so that no other consumer claims them or another result of their orders.
-- KEYS: results, then the lock of each order. ARGV: group, consumer, holder, lock TTL in ms, then a stream id for each order.
for i = 2, #KEYS do
  local id = ARGV[3 + i]
  -- If this consumer was frozen too long, another one has claimed the result: leave it alone.
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
    if redis.pcall('GET', KEYS[i]) == ARGV[3] then redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
  end
end
