-- Records a poll request in the order's record before it is acted on, so that it is not lost to a poll in flight.
-- KEYS: order. ARGV: now ('' = Redis' clock), least interval between requested polls in ms.
-- Returns {'gone'}, {'closed'}, or {'promote' | 'waiting', time of the poll, now}: 'waiting' if an earlier request is pending.
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
-- An early poll may already have served the request scheduled for later; this request then takes its slot.
local at = string.format('%.0f', hintAt > now and hintAt or math.max(now, hintAt + tonumber(ARGV[2])))
redis.call('HSET', KEYS[1], 'hints', hints, 'hintAt', at)
-- A scheduled poll before that time serves the request. A poll already due may be in flight, so its answer may be too old.
local nextPollAt = tonumber(known[3])
if nextPollAt > now and nextPollAt < tonumber(at) then at = known[3] end
return { 'promote', at, string.format('%.0f', now) }
