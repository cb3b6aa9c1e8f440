-- Removes entries of unresolved orders whose record is gone. KEYS: unresolved, then per entry: order.
-- ARGV per entry: orderId, the entry as it was read. An entry that has changed since is kept.
for i = 2, #KEYS do
  local orderId, entry = ARGV[2 * i - 3], ARGV[2 * i - 2]
  if redis.call('EXISTS', KEYS[i]) == 0 and redis.call('HGET', KEYS[1], orderId) == entry then
    redis.call('HDEL', KEYS[1], orderId)
  end
end
