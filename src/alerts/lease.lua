-- One process at a time evaluates the alerts.
-- KEYS: lease. ARGV: process, lease time in ms. Returns 1 if the process has the lease now.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
