-- Releases a result so that it is delivered again. KEYS: lock of its order, results.
-- ARGV: group, consumer, streamId, holder, number of tries to set ('' = unchanged), idle time to set in ms.
if redis.pcall('GET', KEYS[1]) == ARGV[4] then redis.call('DEL', KEYS[1]) end
-- Another consumer has claimed it meanwhile: leave it alone.
if #redis.call('XPENDING', KEYS[2], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return end
local tries = ARGV[5] == '' and {} or { 'RETRYCOUNT', ARGV[5] }
redis.call('XCLAIM', KEYS[2], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[6], 'JUSTID', unpack(tries))
