-- Hands a result back untried. KEYS: what the group has handled of its order, results.
-- ARGV: group, consumer, streamId, holder, tries before this one ('' = leave them, it was tried), idle ms to begin with.
if redis.call('HGET', KEYS[1], 'holder') == ARGV[4] then redis.call('HDEL', KEYS[1], 'holder', 'until') end
if ARGV[5] == '' then return end
if #redis.call('XPENDING', KEYS[2], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return end
redis.call('XCLAIM', KEYS[2], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[6], 'RETRYCOUNT', ARGV[5], 'JUSTID')
