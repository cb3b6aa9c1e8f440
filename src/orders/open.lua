-- Accepts orders, each at most once and independently of the others. The record is written last: an order that could not be
-- listed is not accepted, and the sweeper removes list entries without a record.
-- KEYS: open, asking; then per order: order, claims on its reference, then the key of each of its index entries, of which the
--   first is that of its reference.
-- ARGV per order: number of its keys, number of arguments that follow, then
--   orderId, nextPollAt, createdAt, what index entries under its reference begin with, '1' if the order may share a payment,
--   account, reference, amountMinor, currency, the members of its index entries, then field, value, ...
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

-- Up to five open orders of the account with the same reference, separated by blanks; of many, among the latest twenty.
local function sharing(index, prefix, records, orderId, reference)
  local members, open = redis.pcall('ZREVRANGEBYLEX', index, '[' .. prefix .. '\255', '[' .. prefix, 'LIMIT', 0, 20), {}
  for _, member in ipairs(members) do
    -- Behind the prefix: nine characters of time, then the order's id.
    local other = string.sub(member, #prefix + 10)
    local known = other ~= orderId and redis.pcall('HMGET', records .. other, 'phase', 'reference')
    local isOpen = known and (known[1] == 'asking' or known[1] == 'watching')
    if isOpen and known[2] == reference and #open < 5 then open[#open + 1] = other end
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
    return { 'same', facts[5] or '', sharing(KEYS[key + 2], ARGV[from + 3], records, orderId, ARGV[from + 6]) }
  end
  local owner = ownerOf(KEYS[key + 1], orderId, ARGV[from + 4] == '1')
  if owner then return { 'in-use', owner, '' } end
  local others = sharing(KEYS[key + 2], ARGV[from + 3], records, orderId, ARGV[from + 6])
  call('ZADD', open, nextPollAt, orderId)
  call('ZADD', asking, ARGV[from + 2], orderId)
  local entries = lastKey - key - 1
  for i = 1, entries do
    -- A key of another type must not refuse the orders that share it: the sweeper replaces it.
    redis.pcall('ZADD', KEYS[key + 1 + i], 0, ARGV[from + 8 + i])
  end
  call('HSET', order, unpack(ARGV, from + 9 + entries, to))
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
