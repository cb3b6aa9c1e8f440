-- Adds the entries of an order to the index again. KEYS: order, asking, settled, then the key of each entry.
-- ARGV: orderId, then the members. Does nothing if the record is gone.
local known = redis.call('HMGET', KEYS[1], 'phase', 'createdAt')
if not known[1] then return end

-- A key of another type holds no entries, and would hide all orders that share it.
local function add(key, score, member)
  local reply = redis.pcall('ZADD', key, score, member)
  if type(reply) == 'table' and reply.err and string.find(reply.err, 'WRONGTYPE') then
    redis.call('DEL', key)
    redis.call('ZADD', key, score, member)
  end
end

for i = 4, #KEYS do add(KEYS[i], 0, ARGV[i - 2]) end
if known[1] ~= 'asking' then
  add(KEYS[3], known[2], ARGV[1])
else
  redis.pcall('ZADD', KEYS[2], 'NX', known[2], ARGV[1])
end
