-- Gives up the lease, so that another process need not wait for its end.
-- KEYS: lease. ARGV: process.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
