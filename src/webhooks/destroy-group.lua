-- Removes the consumer group of the webhooks if no process has served an endpoint for a day: it would hold back the trimming
-- of results. KEYS: endpoints by time of renewal, results. ARGV: group, epoch ms. Returns 1 if it was removed.
if redis.call('ZCOUNT', KEYS[1], ARGV[2], '+inf') > 0 then return 0 end
local reply = redis.pcall('XGROUP', 'DESTROY', KEYS[2], ARGV[1])
return type(reply) == 'number' and reply or 0
