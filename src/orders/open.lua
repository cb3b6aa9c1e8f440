-- Accepts orders, each at most once and independently of the others. The record is written last: an order that could not be
-- listed is not accepted, and the sweeper removes list entries without a record.
-- KEYS: open, asking; then per order: order, claims on its reference, the reference's index key, then those of its other names.
-- ARGV per order: number of its keys, number of arguments that follow, then
--   orderId, nextPollAt, createdAt, TTL of the index in ms, '1' if the order may share a payment, account, reference,
--   amountMinor, currency, field, value, ...
-- Returns per order {outcome, nextPollAt or '', open orders with the same reference}, where outcome is 'new', 'same' (equal
--   facts) or 'conflict' (different facts; nothing changed); or {'in-use', orderId} if that order was paid under this
--   reference (nothing changed); or {'failed', error}.
-- include: ../redis/apart
local call = redis.call
local open, asking = KEYS[1], KEYS[2]

-- Another order that has claimed a reference and does not share it with this one (a + after the amount: its owner shares it).
-- An order may be enqueued again after its record was lost: its claim is its own.
local function ownerOf(paid, orderId, isShared)
  for owner, mark in string.gmatch(call('GET', paid) or '', '(%S+) %d+(%+?)') do
    if owner ~= orderId and not (isShared and mark == '+') then return owner end
  end
end

-- Up to five open orders with the same reference, separated by blanks.
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
  local owner = ownerOf(KEYS[key + 1], orderId, ARGV[from + 4] == '1')
  if owner then return { 'in-use', owner, '' } end
  local others = sharing(KEYS[key + 2], records, orderId)
  call('ZADD', open, nextPollAt, orderId)
  call('ZADD', asking, ARGV[from + 2], orderId)
  for i = key + 2, lastKey do
    -- A hash used as a set: all versions of Redis store small hashes compactly.
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
