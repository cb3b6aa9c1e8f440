-- Repairs the entries of an order in the sorted sets from its record. KEYS: order, open, asking, settled. ARGV: orderId.
-- If one set cannot be written, the others are still repaired and the error is returned.
local known = redis.call('HMGET', KEYS[1], 'nextPollAt', 'phase', 'createdAt')
local isOpen = known[1] and known[1] ~= ''
local replies = {}
if isOpen then
  replies[1] = redis.pcall('ZADD', KEYS[2], known[1], ARGV[1])
else
  replies[1] = redis.pcall('ZREM', KEYS[2], ARGV[1])
end
if isOpen and known[2] == 'asking' then
  replies[2] = redis.pcall('ZADD', KEYS[3], known[3], ARGV[1])
  replies[3] = redis.pcall('ZREM', KEYS[4], ARGV[1])
else
  replies[2] = redis.pcall('ZREM', KEYS[3], ARGV[1])
  if known[3] then
    replies[3] = redis.pcall('ZADD', KEYS[4], known[3], ARGV[1])
  else
    replies[3] = redis.pcall('ZREM', KEYS[4], ARGV[1])
  end
end
for _, reply in ipairs(replies) do
  if type(reply) == 'table' and reply.err then return reply end
end
