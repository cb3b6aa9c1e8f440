-- Puts a job that is delayed or waits among those that a worker takes first and without counting them against the rate: it only takes in what
-- was pushed to us, and asks nobody. KEYS: delayed, wait, prioritized, marker. ARGV: job id, now.
-- Returns 1, or 0 when the job is neither (any more).
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 and redis.call('LREM', KEYS[2], 1, ARGV[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[4], 0, '0')
return 1
