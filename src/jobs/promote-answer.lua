-- Moves a delayed or waiting job to the prioritized set, which workers fetch first and without counting it against the rate
-- limit: it only processes a pushed answer and sends no request.
-- KEYS: delayed, wait, prioritized, marker. ARGV: job id, now.
-- Returns 1, or 0 if the job is neither delayed nor waiting (any more).
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 and redis.call('LREM', KEYS[2], 1, ARGV[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[4], 0, '0')
return 1
