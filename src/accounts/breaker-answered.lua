-- The account answered. KEYS: breaker, probe, accounts stream, failed, suspects, tried. ARGV: fingerprint of the credentials
-- that were answered ('' = not known), now, orderId, life of the lists in ms, score from which an order is a suspect, then the
-- fields of the event to publish when the account was degraded. Returns 1 when it was.
local breaker, probe, stream, failed, suspects, tried = unpack(KEYS)
-- Lists are only what was seen lately: what somebody put in their place gives way.
for _, key in ipairs({ failed, suspects, tried }) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', key) end
end
local known = redis.call('HMGET', breaker, 'level', 'lockedBy', 'locked', 'restUntil')
local fingerprint, now, orderId = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local lockedBy = known[2] or ''
-- The answer was on its way when the credentials were locked: it does not unlock them.
if fingerprint ~= '' then
  if lockedBy == fingerprint then return 0 end
  if string.find(' ' .. (known[3] or '') .. ' ', ' ' .. fingerprint .. ' ', 1, true) then return 0 end
end

-- An order that fails while the account answers for another may itself be the cause.
for _, id in ipairs(redis.call('ZRANGE', failed, 0, -1)) do
  if id ~= orderId then redis.call('ZINCRBY', suspects, 1, id) end
end
redis.call('ZREM', suspects, orderId)
redis.call('ZREMRANGEBYRANK', suspects, 0, -1001)
redis.call('PEXPIRE', suspects, ARGV[4])
redis.call('DEL', probe, failed, tried)
redis.call('HDEL', breaker, 'pausedUntil', 'level', 'failures', 'openSince')
-- A rest that the provider asked for lasts, whatever else it answers meanwhile.
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
-- While other credentials are locked still, the account has not recovered.
if lockedBy ~= '' and not isUnlocked then return 0 end
-- A stream that only tells of accounts must not keep the reading from being settled.
redis.pcall('XADD', stream, 'MAXLEN', '~', 10000, '*', unpack(ARGV, 6))
return 1
