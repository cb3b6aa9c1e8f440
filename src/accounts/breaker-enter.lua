-- Takes the turn to probe a degraded account. KEYS: breaker, probe, suspects, tried, waiting.
-- ARGV: now, orderId, life of the turn in ms, score from which an order is a suspect, for how long those who have failed
-- give way in ms. Returns '' when the turn is taken, 'busy', or 'give-way'.
local breaker, probe, suspects, tried, waiting = unpack(KEYS)
-- Lists are only what was seen lately: what somebody put in their place gives way.
for _, key in ipairs({ suspects, tried }) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', key) end
end
local now, orderId, giveWayMs = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[5])
local hasFailed = redis.call('ZSCORE', tried, orderId)
  or (tonumber(redis.call('ZSCORE', suspects, orderId) or 0) or 0) >= tonumber(ARGV[4])
if hasFailed then
  local pausedUntil = tonumber(redis.call('HGET', breaker, 'pausedUntil') or 0) or 0
  if redis.call('EXISTS', waiting) == 1 or now < pausedUntil + giveWayMs then return 'give-way' end
end
if redis.call('SET', probe, orderId, 'PX', ARGV[3], 'NX') then return '' end
if not hasFailed then redis.call('SET', waiting, '1', 'PX', giveWayMs) end
return 'busy'
