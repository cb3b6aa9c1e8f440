-- Accepts an order once. KEYS: order, open. ARGV: orderId, nextPollAt, account, reference, amountMinor, currency, field, value, ...
-- Returns {outcome, nextPollAt or ''}: 'new', 'same' (equal facts), 'conflict' (other facts, nothing changed).
if redis.call('EXISTS', KEYS[1]) == 1 then
  local facts = redis.call('HMGET', KEYS[1], 'account', 'reference', 'amountMinor', 'currency', 'nextPollAt')
  for i = 1, 4 do
    if facts[i] ~= ARGV[i + 2] then return { 'conflict', '' } end
  end
  return { 'same', facts[5] or '' }
end
redis.call('HSET', KEYS[1], unpack(ARGV, 7))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return { 'new', ARGV[2] }
