-- Writes states of alerts, if the process still has the lease, and renews it.
-- KEYS: lease, alerts. ARGV: process, lease time in ms, then alert, state ('' = remove), ... Returns 0 if the lease is lost.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[2], ARGV[i])
  else
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
