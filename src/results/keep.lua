-- Renews what a consumer has in hand, so that nobody else claims it or begins with another result of its order.
-- KEYS: results, then the lock of each order. ARGV: group, consumer, holder, lock ms, then a stream id for each order.
for i = 2, #KEYS do
  local id = ARGV[3 + i]
  -- Somebody else's by now, because this consumer was frozen too long: it stays theirs.
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
    if redis.pcall('GET', KEYS[i]) == ARGV[3] then redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
  end
end
