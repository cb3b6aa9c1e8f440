-- Makes a delayed job due earlier, never later: whoever looked at it before may know an older time.
-- KEYS: delayed, marker, job. ARGV: job id, due time, now.
-- Returns 1 when the job is due by then, 2 when it is due already, 0 when it is not delayed (any more).
local score, at, now = redis.call('ZSCORE', KEYS[1], ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if not score then return 0 end
if tonumber(score) < (now + 1) * 4096 then return 2 end
-- BullMQ's scores: the due time, and twelve bits for the order within a millisecond.
if at * 4096 >= tonumber(score) then return 1 end
local head = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', KEYS[1], string.format('%.0f', at * 4096), ARGV[1])
redis.call('HSET', KEYS[3], 'delay', string.format('%.0f', math.max(0, at - now)))
-- Waiting workers are told only of what changes when they have to look again.
if at * 4096 < tonumber(head) then redis.call('ZADD', KEYS[2], string.format('%.0f', at), '1') end
return 1
