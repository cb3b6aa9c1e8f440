-- Accepts orders, each once; none is hindered by another. The record comes last: what could not be listed is not accepted,
-- and what is listed without a record is taken off the lists by the sweeper.
-- KEYS: open, asking; then per order: order, owners of its reference, the reference's index key, then those of its other names.
-- ARGV per order: number of its keys, number of arguments that follow, then
--   orderId, nextPollAt, createdAt, life of the index in ms, '1' if orders may share a payment, account, reference,
--   amountMinor, currency, field, value, ...
-- Returns per order {outcome, nextPollAt or '', open orders under the same reference}: 'new', 'same' (equal facts),
--   'conflict' (other facts, nothing changed), or {'in-use', orderId} (that order was paid under this reference; nothing
--   changed), or {'failed', why}.
-- include: ../redis/apart
local call = redis.call
local open, asking = KEYS[1], KEYS[2]

-- The paid order that owns a reference. An order whose record was lost may be handed in again: it is its own.
local function ownerOf(paid, orderId)
  for owner in string.gmatch(call('GET', paid) or '', '(%S+) %d+') do
    if owner ~= orderId then return owner end
  end
end

-- Some open orders under the same reference, separated by blanks.
local function sharing(index, records, orderId)
  local entries, open = call('HSCAN', index, 0, 'COUNT', 20)[2], {}
  for i = 1, math.min(#entries, 40), 2 do
    local phase = entries[i] ~= orderId and redis.pcall('HGET', records .. entries[i], 'phase')
    if (phase == 'asking' or phase == 'watching') and #open < 5 then open[#open + 1] = entries[i] end
  end
  return table.concat(open, ' ')
end

local function accept(key, lastKey, from, to)
  local orderId, nextPollAt, order = ARGV[from], ARGV[from + 1], KEYS[key]
  local records = string.sub(order, 1, #order - #orderId)
  if call('EXISTS', order) == 1 then
    local facts = call('HMGET', order, 'account', 'reference', 'amountMinor', 'currency', 'nextPollAt')
    for i = 1, 4 do
      if facts[i] ~= ARGV[from + 4 + i] then return { 'conflict', '', '' } end
    end
    if facts[5] and facts[5] ~= '' then redis.pcall('ZADD', open, 'NX', facts[5], orderId) end
    return { 'same', facts[5] or '', sharing(KEYS[key + 2], records, orderId) }
  end
  local owner = ARGV[from + 4] ~= '1' and ownerOf(KEYS[key + 1], orderId)
  if owner then return { 'in-use', owner, '' } end
  local others = sharing(KEYS[key + 2], records, orderId)
  call('ZADD', open, nextPollAt, orderId)
  call('ZADD', asking, ARGV[from + 2], orderId)
  for i = key + 2, lastKey do
    -- A set in the form of a hash: every version of Redis keeps a small one packed.
    call('HSET', KEYS[i], orderId, '')
    if call('PTTL', KEYS[i]) < tonumber(ARGV[from + 3]) then call('PEXPIRE', KEYS[i], ARGV[from + 3]) end
  end
  call('HSET', order, unpack(ARGV, from + 9, to))
  return { 'new', nextPollAt, others }
end

local replies, key, from = {}, 3, 1
while from < #ARGV do
  local lastKey, to = key - 1 + tonumber(ARGV[from]), from + 1 + tonumber(ARGV[from + 1])
  local reply, why = apart(accept, key, lastKey, from + 2, to)
  if not reply then return redis.error_reply(why) end
  replies[#replies + 1] = reply
  key, from = lastKey + 1, to + 1
end
return replies
