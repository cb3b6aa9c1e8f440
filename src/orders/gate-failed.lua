-- A provider could not, or would not, answer. KEYS: gate, probe, accounts stream.
-- ARGV: now, failures in a row that pause the account, first pause in ms, longest pause in ms,
--   rest asked for by the provider in ms (0 = none), fingerprint of credentials that must not be used again ('' = none),
--   '1' when it was the probe that failed, then the fields of the event to publish when the account becomes degraded.
-- Returns the time until which the account rests, '' when it does not.
local known = redis.call('HMGET', KEYS[1], 'pausedUntil', 'level', 'lockedBy')
local now, pausedUntil, level = tonumber(ARGV[1]), tonumber(known[1] or 0) or 0, tonumber(known[2] or 0) or 0
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local was = level > 0 or (known[3] or '') ~= ''
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'lockedBy', ARGV[6]) end
local rest = tonumber(ARGV[5])
-- Polls that were under way when the account was paused say nothing new, unless they ask for a longer rest.
if pausedUntil <= now and (level > 0 or failures >= tonumber(ARGV[2])) then
  rest = math.max(rest, math.min(tonumber(ARGV[3]) * 2 ^ level, tonumber(ARGV[4])))
  level = level + 1
  redis.call('HSET', KEYS[1], 'level', level)
  redis.call('DEL', KEYS[2])
end
-- Also where the account was paused anew while the probe was under way: its turn is over, the next one may have it.
if ARGV[7] == '1' then redis.call('DEL', KEYS[2]) end
if rest > 0 and now + rest > pausedUntil then
  pausedUntil = now + rest
  redis.call('HSET', KEYS[1], 'pausedUntil', string.format('%.0f', pausedUntil))
end
local is = level > 0 or ARGV[6] ~= '' or (known[3] or '') ~= ''
if is and not was then redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', unpack(ARGV, 8)) end
return { pausedUntil > now and string.format('%.0f', pausedUntil) or '', is and not was and 1 or 0 }
