-- Records a failure of the account. KEYS: breaker, probe, accounts stream, failed, suspects, tried.
-- ARGV: now, orders that must fail in a row to open the circuit breaker, first pause in ms, longest pause in ms,
--   pause asked for by the provider in ms (0 = none), fingerprint of credentials that must not be used again ('' = none),
--   '1' if these are the credentials in use, '1' if the probe failed, orderId, score from which an order is a suspect and is
--   not counted, TTL of the sorted sets in ms, longest pause in ms that the throttling of a few orders may cause, why it
--   failed in words, then the fields of the event to publish if the account becomes degraded.
-- Returns { time until which the account is paused ('' = not paused), 1 if it has just become degraded }.
local breaker, probe, stream, failed, suspects, tried = unpack(KEYS)
-- These sets hold only recent observations, so a key of another type in their place may be deleted.
for _, key in ipairs({ failed, suspects, tried }) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', key) end
end
local known = redis.call('HMGET', breaker, 'pausedUntil', 'level', 'lockedBy', 'restUntil', 'locked', 'throttled')
local now, orderId = tonumber(ARGV[1]), ARGV[9]
local pausedUntil, level = tonumber(known[1] or 0) or 0, tonumber(known[2] or 0) or 0
local was = level > 0 or (known[3] or '') ~= ''

local fingerprint = ARGV[6]
if fingerprint ~= '' then
  local list = known[5] or ''
  if not string.find(' ' .. list .. ' ', ' ' .. fingerprint .. ' ', 1, true) then
    local fingerprints = { fingerprint }
    -- Keep the newest twenty: nobody configures older ones again.
    for each in string.gmatch(list, '%S+') do if #fingerprints < 20 then table.insert(fingerprints, each) end end
    redis.call('HSET', breaker, 'locked', table.concat(fingerprints, ' '))
  end
  -- A late answer for credentials that are no longer in use says nothing about the account.
  if ARGV[7] ~= '1' then return { '', 0 } end
  redis.call('HSET', breaker, 'lockedBy', fingerprint)
end

redis.call('HSET', breaker, 'why', ARGV[13])
local failures = 0
-- Locked credentials are not the order's fault, so it is not listed as failed.
if level == 0 and fingerprint == '' and (tonumber(redis.call('ZSCORE', suspects, orderId) or 0) or 0) < tonumber(ARGV[10]) then
  redis.call('ZADD', failed, now, orderId)
  redis.call('PEXPIRE', failed, ARGV[11])
  failures = redis.call('ZCARD', failed)
  redis.call('HSET', breaker, 'failures', failures)
end
if ARGV[8] == '1' then
  redis.call('ZADD', tried, now, orderId)
  redis.call('ZREMRANGEBYRANK', tried, 0, -1001)
  redis.call('PEXPIRE', tried, ARGV[11])
end

local rest = tonumber(ARGV[5])
local isSuspect = (tonumber(redis.call('ZSCORE', suspects, orderId) or 0) or 0) >= tonumber(ARGV[10])
-- An order that is throttled while others are answered is throttled on its own account.
if isSuspect then rest = 0 end
if rest > 0 then
  -- So may a few be. Only as many orders in a row as open the breaker show that a long pause is meant for all of them.
  local enough, seen = math.max(2, math.min(tonumber(ARGV[2]), 10)), {}
  for each in string.gmatch(known[6] or '', '%S+') do if each ~= orderId then table.insert(seen, each) end end
  table.insert(seen, orderId)
  while #seen > enough do table.remove(seen, 1) end
  redis.call('HSET', breaker, 'throttled', table.concat(seen, ' '))
  if #seen < enough then rest = math.min(rest, tonumber(ARGV[12])) end
end
if rest > 0 and now + rest > (tonumber(known[4] or 0) or 0) then
  redis.call('HSET', breaker, 'restUntil', string.format('%.0f', now + rest))
end
-- Failures of polls that were in flight when the pause began do not extend it, unless the provider asks for a longer one.
if pausedUntil <= now and (level > 0 or failures >= tonumber(ARGV[2])) then
  rest = math.max(rest, math.min(tonumber(ARGV[3]) * 2 ^ level, tonumber(ARGV[4])))
  if level == 0 then redis.call('HSET', breaker, 'openSince', string.format('%.0f', now)) end
  level = level + 1
  redis.call('HSET', breaker, 'level', level)
  redis.call('DEL', probe)
end
-- A failed probe always releases the lock, even if the account was paused again while the probe was in flight.
if ARGV[8] == '1' then redis.call('DEL', probe) end
if rest > 0 and now + rest > pausedUntil then
  pausedUntil = now + rest
  redis.call('HSET', breaker, 'pausedUntil', string.format('%.0f', pausedUntil))
end
local isLocked = (known[3] or '') ~= '' or fingerprint ~= ''
local isNew = (level > 0 or isLocked) and not was
-- pcall: a broken accounts stream must not prevent the reading from being settled.
if isNew then redis.pcall('XADD', stream, 'MAXLEN', '~', 10000, '*', unpack(ARGV, 14)) end
return { pausedUntil > now and string.format('%.0f', pausedUntil) or '', isNew and 1 or 0 }
