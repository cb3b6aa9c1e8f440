-- Leases orders whose next webhook to an endpoint is due. KEYS: due, since, attempts, state, failing.
-- ARGV: limit, lease in ms, token of the lease, fingerprint of the endpoint's URL, orders that open the circuit breaker.
-- Returns 'disabled', 'open' or 'ready', the ms until something may be due (-1 = nothing is queued), Redis' time, and
-- {orderId, number of this attempt} of each leased order. While the circuit breaker is open, one order at a time is tried.
-- include: key-types
ensureType(KEYS[1], 'zset')
ensureType(KEYS[2], 'zset')
ensureType(KEYS[3], 'hash')
ensureType(KEYS[4], 'hash')
ensureType(KEYS[5], 'set')

local now = nowMs()
local state = redis.call('HMGET', KEYS[4], 'disabled', 'openUntil')
if state[1] == ARGV[4] then return { 'disabled', -1, now, {} } end
-- The endpoint has a new URL.
if state[1] then redis.call('HDEL', KEYS[4], 'disabled', 'disabledAt') end
local openUntil = tonumber(state[2] or '') or 0
if openUntil > now then return { 'open', math.ceil(openUntil - now), now, {} } end

-- Both hold the same orders, unless somebody has deleted one of them.
if redis.call('ZCARD', KEYS[1]) ~= redis.call('ZCARD', KEYS[2]) then
  redis.call('ZUNIONSTORE', KEYS[1], 2, KEYS[1], KEYS[2], 'AGGREGATE', 'MAX')
  redis.call('ZUNIONSTORE', KEYS[2], 2, KEYS[1], KEYS[2], 'AGGREGATE', 'MIN')
end

local limit = tonumber(ARGV[1])
local isProbe = redis.call('SCARD', KEYS[5]) >= tonumber(ARGV[5])
if isProbe then limit = 1 end
local taken = {}
for i, order in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, limit)) do
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), order)
  local before = redis.call('HGET', KEYS[3], order)
  local attempt = (before and tonumber(string.match(before, ' (%d+)$') or '') or 0) + 1
  redis.call('HSET', KEYS[3], order, ARGV[3] .. ' ' .. attempt)
  taken[i] = { order, attempt }
end
if isProbe and #taken > 0 then
  redis.call('HSET', KEYS[4], 'openUntil', now + tonumber(ARGV[2]), 'probe', ARGV[3])
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local waitMs = first[2] and math.max(0, math.ceil(tonumber(first[2]) - now)) or -1
return { 'ready', waitMs, now, taken }
