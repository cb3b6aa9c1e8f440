-- Takes in the pushed answer to a query of ours, once per token. KEYS: query token, order, inbox, open.
-- ARGV: orderId, now, reading, '1' when the token is used up by it, answers kept at most, inbox life in ms.
-- Returns 'unknown' (no such token, or used before), 'gone' or 'delivered'.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'unknown' end
if redis.call('EXISTS', KEYS[2]) == 0 then return 'gone' end
-- A copy that follows is told from a token that nobody ever had.
if ARGV[4] == '1' then redis.call('SET', KEYS[1], '', 'PX', 600000) end
redis.call('RPUSH', KEYS[3], ARGV[3])
redis.call('LTRIM', KEYS[3], -tonumber(ARGV[5]), -1)
redis.call('PEXPIRE', KEYS[3], ARGV[6])
redis.call('HINCRBY', KEYS[2], 'hints', 1)
redis.call('HSET', KEYS[2], 'hintAt', ARGV[2], 'nextPollAt', ARGV[2])
redis.call('PERSIST', KEYS[2])
redis.call('ZADD', KEYS[4], ARGV[2], ARGV[1])
return 'delivered'
