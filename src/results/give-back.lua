-- Lets go of a result that comes again. KEYS: the lock of its order, results.
-- ARGV: group, consumer, streamId, holder, tries that count ('' = leave them), idle ms to begin with.
if redis.pcall('GET', KEYS[1]) == ARGV[4] then redis.call('DEL', KEYS[1]) end
-- Somebody else's by now: it stays theirs.
if #redis.call('XPENDING', KEYS[2], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return end
local tries = ARGV[5] == '' and {} or { 'RETRYCOUNT', ARGV[5] }
redis.call('XCLAIM', KEYS[2], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[6], 'JUSTID', unpack(tries))
