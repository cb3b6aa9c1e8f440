-- Makes a delayed job due earlier, never later: the caller's view of the job may be outdated.
-- KEYS: delayed, marker, job. ARGV: job id, due time, now.
-- Returns 1 if the job is now due at that time or earlier, 2 if it was already due, 0 if it is not delayed (any more).
local score, at, now = redis.call('ZSCORE', KEYS[1], ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if not score then return 0 end
if tonumber(score) < (now + 1) * 4096 then return 2 end
-- BullMQ's score is the due time in ms, shifted by twelve bits that order jobs within a millisecond.
if at * 4096 >= tonumber(score) then return 1 end
local head = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', KEYS[1], string.format('%.0f', at * 4096), ARGV[1])
redis.call('HSET', KEYS[3], 'delay', string.format('%.0f', math.max(0, at - now)))
-- The marker wakes waiting workers, so set it only if this job is now the next one due.
if at * 4096 < tonumber(head) then redis.call('ZADD', KEYS[2], string.format('%.0f', at), '1') end
return 1
