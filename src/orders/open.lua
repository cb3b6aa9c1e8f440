-- Accepts orders, each once; none is hindered by another.
-- KEYS: open, asking; then per order: order, then its reference index keys (perhaps none).
-- ARGV per order: number of its keys, number of arguments that follow, then
--   orderId, nextPollAt, createdAt, life of the index in ms, account, reference, amountMinor, currency, field, value, ...
-- Returns per order {outcome, nextPollAt or ''}: 'new', 'same' (equal facts), 'conflict' (other facts, nothing changed),
--   or {'failed', why}.
local call = redis.call
local open, asking = KEYS[1], KEYS[2]

local function accept(key, lastKey, from, to)
  local orderId, nextPollAt, order = ARGV[from], ARGV[from + 1], KEYS[key]
  if call('EXISTS', order) == 1 then
    local facts = call('HMGET', order, 'account', 'reference', 'amountMinor', 'currency', 'nextPollAt')
    for i = 1, 4 do
      if facts[i] ~= ARGV[from + 3 + i] then return { 'conflict', '' } end
    end
    if facts[5] and facts[5] ~= '' then call('ZADD', open, 'NX', facts[5], orderId) end
    return { 'same', facts[5] or '' }
  end
  call('HSET', order, unpack(ARGV, from + 8, to))
  call('ZADD', open, nextPollAt, orderId)
  call('ZADD', asking, ARGV[from + 2], orderId)
  for i = key + 1, lastKey do
    -- A set in the form of a hash: every version of Redis keeps a small one packed.
    call('HSET', KEYS[i], orderId, '')
    if call('PTTL', KEYS[i]) < tonumber(ARGV[from + 3]) then call('PEXPIRE', KEYS[i], ARGV[from + 3]) end
  end
  return { 'new', nextPollAt }
end

-- Does the error lie in this order's own keys or arguments?
local function isOwn(why) return string.find(why, '^WRONGTYPE') or string.find(why, '^ERR') or string.find(why, 'user_script') end

local replies, key, from = {}, 3, 1
while from < #ARGV do
  local lastKey, to = key - 1 + tonumber(ARGV[from]), from + 1 + tonumber(ARGV[from + 1])
  local isDone, reply = pcall(accept, key, lastKey, from + 2, to)
  if not isDone then
    local why = type(reply) == 'table' and reply.err or tostring(reply)
    -- What Redis refuses to all (it is full, or a replica) is the error of the script: clients act on its first word.
    if not isOwn(why) then return redis.error_reply(why) end
    reply = { 'failed', why }
  end
  replies[#replies + 1] = reply
  key, from = lastKey + 1, to + 1
end
return replies
