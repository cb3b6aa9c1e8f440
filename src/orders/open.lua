-- Accepts an order once. KEYS: order, open, asking, then the reference index keys (perhaps none).
-- ARGV: orderId, nextPollAt, life of the index in ms, account, reference, amountMinor, currency, field, value, ...
-- Returns {outcome, nextPollAt or ''}: 'new', 'same' (equal facts), 'conflict' (other facts, nothing changed).
if redis.call('EXISTS', KEYS[1]) == 1 then
  local facts = redis.call('HMGET', KEYS[1], 'account', 'reference', 'amountMinor', 'currency', 'nextPollAt')
  for i = 1, 4 do
    if facts[i] ~= ARGV[i + 3] then return { 'conflict', '' } end
  end
  if facts[5] and facts[5] ~= '' then redis.call('ZADD', KEYS[2], 'NX', facts[5], ARGV[1]) end
  return { 'same', facts[5] or '' }
end
redis.call('HSET', KEYS[1], unpack(ARGV, 8))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[3], redis.call('HGET', KEYS[1], 'createdAt'), ARGV[1])
for i = 4, #KEYS do
  redis.call('SADD', KEYS[i], ARGV[1])
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
end
return { 'new', ARGV[2] }
