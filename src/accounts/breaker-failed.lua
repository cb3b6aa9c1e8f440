-- An answer speaks against the account, or none came. KEYS: breaker, probe, accounts stream, failed, suspects, tried.
-- ARGV: now, orders that fail in a row until the circuit breaker opens, first pause in ms, longest pause in ms,
--   rest asked for by the provider in ms (0 = none), fingerprint of credentials that must not be used again ('' = none),
--   '1' when these are the credentials in use, '1' when it was the probe that failed, orderId, score from which a suspect
--   counts no longer, life of the lists in ms, then the fields of the event to publish when the account becomes degraded.
-- Returns the time until which the account rests, '' when it does not; 1 when it has just become degraded.
local breaker, probe, stream, failed, suspects, tried = unpack(KEYS)
-- Lists are only what was seen lately: what somebody put in their place gives way.
for _, key in ipairs({ failed, suspects, tried }) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', key) end
end
local known = redis.call('HMGET', breaker, 'pausedUntil', 'level', 'lockedBy', 'restUntil', 'locked')
local now, orderId = tonumber(ARGV[1]), ARGV[9]
local pausedUntil, level = tonumber(known[1] or 0) or 0, tonumber(known[2] or 0) or 0
local was = level > 0 or (known[3] or '') ~= ''

local fingerprint = ARGV[6]
if fingerprint ~= '' then
  local list = known[5] or ''
  if not string.find(' ' .. list .. ' ', ' ' .. fingerprint .. ' ', 1, true) then
    local fingerprints = { fingerprint }
    -- The newest twenty: nobody goes back to older ones.
    for each in string.gmatch(list, '%S+') do if #fingerprints < 20 then table.insert(fingerprints, each) end end
    redis.call('HSET', breaker, 'locked', table.concat(fingerprints, ' '))
  end
  -- A late answer to credentials that are no longer in use says nothing about the account.
  if ARGV[7] ~= '1' then return { '', 0 } end
  redis.call('HSET', breaker, 'lockedBy', fingerprint)
end

local failures = 0
-- Credentials that are locked are no fault of the order.
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
if rest > 0 and now + rest > (tonumber(known[4] or 0) or 0) then
  redis.call('HSET', breaker, 'restUntil', string.format('%.0f', now + rest))
end
-- Polls that were under way when the account was paused say nothing new, unless they ask for a longer rest.
if pausedUntil <= now and (level > 0 or failures >= tonumber(ARGV[2])) then
  rest = math.max(rest, math.min(tonumber(ARGV[3]) * 2 ^ level, tonumber(ARGV[4])))
  if level == 0 then redis.call('HSET', breaker, 'openSince', string.format('%.0f', now)) end
  level = level + 1
  redis.call('HSET', breaker, 'level', level)
  redis.call('DEL', probe)
end
-- Also where the account was paused anew while the probe was under way: its turn is over, the next one may have it.
if ARGV[8] == '1' then redis.call('DEL', probe) end
if rest > 0 and now + rest > pausedUntil then
  pausedUntil = now + rest
  redis.call('HSET', breaker, 'pausedUntil', string.format('%.0f', pausedUntil))
end
local isLocked = (known[3] or '') ~= '' or fingerprint ~= ''
local isNew = (level > 0 or isLocked) and not was
-- A stream that only tells of accounts must not keep the reading from being settled.
if isNew then redis.pcall('XADD', stream, 'MAXLEN', '~', 10000, '*', unpack(ARGV, 12)) end
return { pausedUntil > now and string.format('%.0f', pausedUntil) or '', isNew and 1 or 0 }
