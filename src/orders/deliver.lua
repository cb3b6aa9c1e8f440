-- Stores a pushed answer in the inbox of its order. KEYS: query token, order, inbox, open.
-- ARGV: orderId, now, reading, '1' if the token is valid for no further answer, inbox limit, inbox TTL in ms.
-- Returns 'unknown' (no such token, or used before), 'gone' (no such order) or 'delivered'.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'unknown' end
if redis.call('EXISTS', KEYS[2]) == 0 then return 'gone' end
-- Keep the used token as an empty value for a while, to distinguish a repeated delivery from an invalid token.
local left = redis.call('PTTL', KEYS[1])
if ARGV[4] == '1' then redis.call('SET', KEYS[1], '', 'PX', 600000) end
local isDone, why = pcall(function()
  -- The hint comes first: a needless early poll does no harm, but an answer in the inbox without a hint would be overlooked.
  local hints = tonumber(redis.call('HGET', KEYS[2], 'hints') or 0) + 1
  redis.call('HSET', KEYS[2], 'hints', hints, 'hintAt', ARGV[2], 'nextPollAt', ARGV[2])
  redis.call('RPUSH', KEYS[3], ARGV[3])
end)
if not isDone then
  -- Not stored: restore the token, because the provider will retry with it.
  if ARGV[4] == '1' then redis.call('SET', KEYS[1], ARGV[1], 'PX', math.max(left, 1)) end
  return redis.error_reply(type(why) == 'table' and why.err or tostring(why))
end
redis.pcall('LTRIM', KEYS[3], -tonumber(ARGV[5]), -1)
redis.pcall('PEXPIRE', KEYS[3], ARGV[6])
redis.pcall('PERSIST', KEYS[2])
redis.pcall('ZADD', KEYS[4], ARGV[2], ARGV[1])
return 'delivered'
