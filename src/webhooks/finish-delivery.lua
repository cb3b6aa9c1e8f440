-- Records the outcome of one attempt to deliver a result to an endpoint.
-- KEYS: due, since, attempts, state, failing, failed, dead letters, queue of the order, deliveries of the order.
-- ARGV: orderId, token of the lease ('' = an undelivered result that became too old, without an attempt), queue entry, event id,
-- outcome, ms until the next attempt, delivery field, its value up to the time, the answer, TTL of the deliveries in ms,
-- dead letter, fingerprint of the endpoint's URL, orders that open the circuit breaker, its first and its longest pause in ms,
-- most dead letters.
-- Outcomes: 'delivered'; 'retry'; 'failed' = the last attempt, the result becomes a dead letter; 'disabled' = the endpoint wants
-- no more webhooks; 'released' = the attempt was not completed; 'missing' = the queue entry cannot be parsed, or there is none.
-- Returns 'opened' if this failure opened the circuit breaker, 'lost' if another process has taken over, else 'done'.
-- include: key-types
ensureType(KEYS[1], 'zset')
ensureType(KEYS[2], 'zset')
ensureType(KEYS[3], 'hash')
ensureType(KEYS[4], 'hash')
ensureType(KEYS[5], 'set')
ensureType(KEYS[6], 'zset')
ensureType(KEYS[7], 'hash')
ensureType(KEYS[8], 'list')
ensureType(KEYS[9], 'hash')

local order, token, entry, event, outcome, answer = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[9]
local now = nowMs()
local lease = redis.call('HGET', KEYS[3], order) or ''
local holder, attempt = string.match(lease, '^(%S+) (%d+)$')
local isHolder = token ~= '' and holder == token
local isIdle = token == '' and (holder == nil or holder == '-')
-- A delivery counts, whichever process made it; everything else only if no other process is sending this result now.
if not isHolder and not isIdle and outcome ~= 'delivered' then return 'lost' end

local result = 'done'
local function noteEndpoint()
  if outcome == 'delivered' then
    redis.call('DEL', KEYS[5])
    redis.call('HDEL', KEYS[4], 'openUntil', 'opens', 'probe')
    redis.call('HSET', KEYS[4], 'deliveredAt', now, 'answer', answer)
    return
  end
  if token == '' then return end
  redis.call('HSET', KEYS[4], 'failedAt', now, 'answer', answer)
  if outcome == 'disabled' then redis.call('HSET', KEYS[4], 'disabled', ARGV[12], 'disabledAt', now) end
  local limit = tonumber(ARGV[13])
  if redis.call('SCARD', KEYS[5]) < limit then redis.call('SADD', KEYS[5], order) end
  if redis.call('SCARD', KEYS[5]) < limit then return end
  local state = redis.call('HMGET', KEYS[4], 'openUntil', 'probe')
  -- Attempts that were under way when it opened must not lengthen the pause.
  if (tonumber(state[1] or '') or 0) > now and state[2] ~= token then return end
  local opens = redis.call('HINCRBY', KEYS[4], 'opens', 1)
  local pause = math.min(tonumber(ARGV[14]) * 2 ^ math.min(opens - 1, 30), tonumber(ARGV[15]))
  redis.call('HSET', KEYS[4], 'openUntil', string.format('%.0f', now + pause))
  redis.call('HDEL', KEYS[4], 'probe')
  if opens == 1 then result = 'opened' end
end

local function endProbe()
  if redis.call('HGET', KEYS[4], 'probe') == token then redis.call('HDEL', KEYS[4], 'openUntil', 'probe') end
end

local function addDeadLetter()
  redis.call('HSET', KEYS[7], event, ARGV[11])
  redis.call('ZADD', KEYS[6], now, event)
  if redis.call('ZCARD', KEYS[6]) > tonumber(ARGV[16]) then
    redis.call('HDEL', KEYS[7], redis.call('ZPOPMIN', KEYS[6])[1])
  end
end

-- The next result of the order may be sent, or there is none.
local function moveOn()
  local head = redis.call('LINDEX', KEYS[8], 0)
  if not head then
    redis.call('ZREM', KEYS[1], order)
    redis.call('ZREM', KEYS[2], order)
    redis.call('HDEL', KEYS[3], order)
    return
  end
  redis.call('ZADD', KEYS[2], string.match(head, '^%d+') or now, order)
  -- If another process is sending, its outcome makes the next one due.
  if not isHolder and not isIdle then return end
  redis.call('HDEL', KEYS[3], order)
  redis.call('ZADD', KEYS[1], now, order)
end

if outcome == 'released' then
  endProbe()
  redis.call('HSET', KEYS[3], order, '- ' .. math.max(0, attempt - 1))
  redis.call('ZADD', KEYS[1], now, order)
  return result
end
if outcome == 'missing' then
  endProbe()
  redis.call('LREM', KEYS[8], 1, entry)
  moveOn()
  return result
end

noteEndpoint()
if outcome == 'retry' or outcome == 'disabled' then
  redis.call('HSET', KEYS[3], order, '- ' .. attempt)
  -- A result that was resent meanwhile may have become the first.
  local isFirst = redis.call('LINDEX', KEYS[8], 0) == entry
  redis.call('ZADD', KEYS[1], now + (isFirst and tonumber(ARGV[6]) or 0), order)
else
  local removed = redis.call('LREM', KEYS[8], 1, entry)
  if outcome == 'delivered' then
    redis.call('ZREM', KEYS[6], event)
    redis.call('HDEL', KEYS[7], event)
  elseif removed == 1 then
    addDeadLetter()
  end
  if removed == 1 or isHolder or isIdle then moveOn() end
end
redis.call('HSET', KEYS[9], ARGV[7], ARGV[8] .. ' ' .. string.format('%.0f', now) .. ' ' .. answer)
redis.call('PEXPIRE', KEYS[9], ARGV[10])
return result
