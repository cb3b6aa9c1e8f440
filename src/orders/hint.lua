-- Somebody wants an order polled now. Durable before it is acted on, so no hint is lost to a poll that is under way.
-- KEYS: order. ARGV: now ('' = by Redis' clock), least distance between polls by hint in ms.
-- Returns {'gone'}, {'closed'}, or {'wake' | 'waiting', when, now}: 'waiting' when an earlier hint has not been served yet.
local known = redis.call('HMGET', KEYS[1], 'phase', 'hintAt', 'nextPollAt', 'hints', 'hintsSeen')
if not known[1] then return { 'gone' } end
if known[1] == 'closed' then return { 'closed' } end
local now, hintAt = tonumber(ARGV[1]), tonumber(known[2] or 0)
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local isUnserved = tonumber(known[4] or 0) > tonumber(known[5] or 0)
local hints = tonumber(known[4] or 0) + 1
if hintAt > now and isUnserved then
  redis.call('HSET', KEYS[1], 'hints', hints)
  return { 'waiting', known[2] }
end
-- A poll that came early served the wish that was set down for later; this one takes its place.
local at = string.format('%.0f', hintAt > now and hintAt or math.max(now, hintAt + tonumber(ARGV[2])))
redis.call('HSET', KEYS[1], 'hints', hints, 'hintAt', at)
-- A poll that is due before then serves the wish; one that was due already may be under way, and have asked too early.
local nextPollAt = tonumber(known[3])
if nextPollAt > now and nextPollAt < tonumber(at) then at = known[3] end
return { 'wake', at, string.format('%.0f', now) }
