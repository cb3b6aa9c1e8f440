-- Publishes an order's last verdict again, unless the order has moved or somebody else has published it meanwhile.
-- KEYS: order, results. ARGV: revision, what the record says of its last result, then the event's field, value, ...
-- Returns 1 when it was published.
local known = redis.call('HMGET', KEYS[1], 'revision', 'result')
if known[1] ~= ARGV[1] or known[2] ~= ARGV[2] then return 0 end
local id, version = string.match(ARGV[2], '^(%d+%-%d+) (%d+)$')
if not id or #redis.call('XRANGE', KEYS[2], id, id) > 0 then return 0 end
-- Tried before the event is out: without the record's word of it, it would be published again and again.
redis.call('HSET', KEYS[1], 'result', ARGV[2])
local new = redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3))
redis.call('HSET', KEYS[1], 'result', new .. ' ' .. version)
return 1
