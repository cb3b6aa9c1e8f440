-- Acquires the lock to probe a degraded account. KEYS: breaker, probe, suspects, tried, waiting.
-- ARGV: now, orderId, TTL of the lock in ms, score from which an order is a suspect, for how long orders that failed let
-- others go first in ms. Returns '' if acquired, 'busy' if another order probes, 'give-way' to let other orders go first.
local breaker, probe, suspects, tried, waiting = unpack(KEYS)
-- These sets hold only recent observations, so a key of another type in their place may be deleted.
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
