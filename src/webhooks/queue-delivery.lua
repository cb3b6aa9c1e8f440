-- Queues a result for an endpoint. KEYS: due, since, attempts, queue of the order, deliveries of the order, failed, dead letters.
-- ARGV: orderId, stateversion, event id, delivery field, start of its value: time and type of the event, TTL of the deliveries
-- in ms, CloudEvent JSON, 'new' or 'resend'.
-- A new result is queued only once, also when the same result is handled again. A result to resend is due at once, and takes
-- its place among the undelivered results of its order. Returns 'queued', or 'known' if there was nothing to do.
-- include: key-types
ensureType(KEYS[1], 'zset')
ensureType(KEYS[2], 'zset')
ensureType(KEYS[3], 'hash')
ensureType(KEYS[4], 'list')
ensureType(KEYS[5], 'hash')
ensureType(KEYS[6], 'zset')
ensureType(KEYS[7], 'hash')

local order, version, isResend = ARGV[1], tonumber(ARGV[2]), ARGV[8] == 'resend'
local known = redis.call('HGET', KEYS[5], ARGV[4])
-- Versions restart at 1 when an order id is reused after its record expired; the time of the event differs then.
if not isResend and known and string.sub(known, 1, #ARGV[5]) == ARGV[5] then return 'known' end

local now = nowMs()
local lease = redis.call('HGET', KEYS[3], order)
local isLeased = lease and string.sub(lease, 1, 2) ~= '- '

local function dueNow()
  -- An attempt under way decides itself when the next one is made.
  if isLeased then return end
  redis.call('HDEL', KEYS[3], order)
  redis.call('ZADD', KEYS[1], now, order)
end

redis.call('ZREM', KEYS[6], ARGV[3])
redis.call('HDEL', KEYS[7], ARGV[3])
local entries = redis.call('LRANGE', KEYS[4], 0, -1)
local entry = string.format('%.0f', now) .. ' ' .. ARGV[2] .. ' ' .. ARGV[7]
for _, other in ipairs(entries) do
  local otherVersion, json = string.match(other, '^%d+ (%d+) (.*)$')
  if json == ARGV[7] then
    if isResend then dueNow() end
    return 'queued'
  end
  if isResend and tonumber(otherVersion) > version then
    redis.call('LINSERT', KEYS[4], 'BEFORE', other, entry)
    dueNow()
    redis.call('ZADD', KEYS[2], 'NX', now, order)
    entry = nil
    break
  end
end
if entry then
  redis.call('RPUSH', KEYS[4], entry)
  redis.call('ZADD', KEYS[2], 'NX', now, order)
  if isResend and #entries == 0 then dueNow() end
  redis.call('ZADD', KEYS[1], 'NX', now, order)
end
redis.call('HSET', KEYS[5], ARGV[4], ARGV[5] .. ' queued 0 ' .. string.format('%.0f', now) .. ' ')
redis.call('PEXPIRE', KEYS[5], ARGV[6])
return 'queued'
