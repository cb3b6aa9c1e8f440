-- Records that the account answered. KEYS: breaker, probe, accounts stream, failed, suspects, tried. ARGV: fingerprint of the
-- credentials used ('' = unknown), now, orderId, TTL of the sorted sets in ms, score from which an order is a suspect, then
-- the fields of the event to publish if the account was degraded. Returns 1 if it was, else 0.
local breaker, probe, stream, failed, suspects, tried = unpack(KEYS)
-- These sets hold only recent observations, so a key of another type in their place may be deleted.
for _, key in ipairs({ failed, suspects, tried }) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', key) end
end
local known = redis.call('HMGET', breaker, 'level', 'lockedBy', 'locked', 'restUntil')
local fingerprint, now, orderId = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local lockedBy = known[2] or ''
-- The answer was in flight when these credentials were locked, so it does not unlock them.
if fingerprint ~= '' then
  if lockedBy == fingerprint then return 0 end
  if string.find(' ' .. (known[3] or '') .. ' ', ' ' .. fingerprint .. ' ', 1, true) then return 0 end
end

-- An order that fails while the account answers for others may itself be the cause: it becomes a suspect.
for _, id in ipairs(redis.call('ZRANGE', failed, 0, -1)) do
  if id ~= orderId then redis.call('ZINCRBY', suspects, 1, id) end
end
redis.call('ZREM', suspects, orderId)
redis.call('ZREMRANGEBYRANK', suspects, 0, -1001)
redis.call('PEXPIRE', suspects, ARGV[4])
redis.call('DEL', probe, failed, tried)
redis.call('HDEL', breaker, 'pausedUntil', 'level', 'failures', 'openSince', 'throttled', 'why')
-- A pause that the provider asked for stays in effect, even if another poll is answered meanwhile.
if (tonumber(known[4] or 0) or 0) > now then
  redis.call('HSET', breaker, 'pausedUntil', known[4])
else
  redis.call('HDEL', breaker, 'restUntil')
end
local left = redis.call('ZCOUNT', suspects, ARGV[5], '+inf')
if left > 0 then redis.call('HSET', breaker, 'suspects', left) else redis.call('HDEL', breaker, 'suspects') end

local isUnlocked = lockedBy ~= '' and fingerprint ~= ''
if isUnlocked then redis.call('HDEL', breaker, 'lockedBy') end
if (tonumber(known[1] or 0) or 0) == 0 and not isUnlocked then return 0 end
-- While other credentials are still locked, the account has not recovered.
if lockedBy ~= '' and not isUnlocked then return 0 end
-- pcall: a broken accounts stream must not prevent the reading from being settled.
redis.pcall('XADD', stream, 'MAXLEN', '~', 10000, '*', unpack(ARGV, 6))
return 1
