-- Publishes an order's last result again, unless the record has changed or another process has republished it meanwhile.
-- KEYS: order, results. ARGV: revision, the record's `result` field, then the event's field, value, ...
-- Returns 1 if it was published, else 0.
local known = redis.call('HMGET', KEYS[1], 'revision', 'result')
if known[1] ~= ARGV[1] or known[2] ~= ARGV[2] then return 0 end
local id, version = string.match(ARGV[2], '^(%d+%-%d+) (%d+)$')
if not id or #redis.call('XRANGE', KEYS[2], id, id) > 0 then return 0 end
-- Check that the record can be written before publishing; otherwise the result would be republished on every sweep.
redis.call('HSET', KEYS[1], 'result', ARGV[2])
local new = redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3))
redis.call('HSET', KEYS[1], 'result', new .. ' ' .. version)
return 1
