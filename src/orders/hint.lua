-- Somebody wants an order polled now. Durable before it is acted on, so no hint is lost to a poll that is under way.
-- KEYS: order. ARGV: now, least distance between polls by hint in ms.
-- Returns {'gone'}, {'closed'}, or {'wake' | 'waiting', when}: 'waiting' when an earlier hint has not been served yet.
local known = redis.call('HMGET', KEYS[1], 'phase', 'hintAt', 'nextPollAt')
if not known[1] then return { 'gone' } end
if known[1] == 'closed' then return { 'closed' } end
local now, hintAt = tonumber(ARGV[1]), tonumber(known[2] or 0)
redis.call('HINCRBY', KEYS[1], 'hints', 1)
if hintAt > now then return { 'waiting', known[2] } end
local at = string.format('%.0f', math.max(now, hintAt + tonumber(ARGV[2])))
redis.call('HSET', KEYS[1], 'hintAt', at)
-- A poll that is due before then serves the wish.
if tonumber(known[3]) < tonumber(at) then at = known[3] end
return { 'wake', at }
