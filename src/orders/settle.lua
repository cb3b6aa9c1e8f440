-- Writes one transition per order and publishes their verdicts. Each order succeeds or fails as a whole, on its own.
-- Redis does not roll back a script when a command fails. So for each order everything that could fail
-- comes first: reads, then the required commands in a form that changes nothing. Then the event is published, then the
-- record written. Sorted sets and statistics come last: a failure there must not prevent the verdict.
-- KEYS: open, results, unresolved, asking, used, settled; then per order: order, inbox, statistics of this hour; of a paid one
--   also the claims on its reference, and then on its receipts, if it has any; then the key of each new index entry.
-- ARGV per order: number of its keys, number of arguments that follow, then
--   orderId, revision it was decided on, nextPollAt ('' = closed), retention in ms, hints seen,
--   inbox entry that the reading came from ('' = none), the payment claim ('' = none; else 'take', 'keep' or
--   'deny', amount expected, amount received or '-', 'alone' or 'shared'), the members of its new index entries, separated by
--   blanks, number of field strings, field, value, ..., the first of them the revision that this transition makes, which no other does;
--   if a verdict is published also: the entry for `unresolved` ('' = none), the entry for `used`, whose payment another order
--   has claimed ('' = none), TTL of the statistics in ms,
--   number of counters, counters to increment, then the event's field, value, ...
-- Returns per order {'settled', nextPollAt, error of a sorted set or statistic that could not be written ('' = none)},
--   the same with '' if this transition was already written and its reply was lost,
--   {'stale'} (the record has changed, or a denied claim is free: decide again), {'taken', nextPollAt} (another process has settled this inbox entry),
--   {'used', orderId} (that order was paid by the same payment; nothing was written), {'gone'}, or {'failed', why}
--   (nothing was written).
local call = redis.call
local open, results, unresolved, asking, used, settled = unpack(KEYS, 1, 6)

local function contains(list, entry)
  for _, each in ipairs(call('LRANGE', list, 0, -1)) do
    if each == entry then return true end
  end
  return false
end

-- The other orders that have claimed a key, each with the amount that it expects. A + after the amount: the order shares the
-- payment; without it, the order owns the payment alone.
local function othersAt(key, orderId)
  local others = {}
  for owner, amount, mark in string.gmatch(call('GET', key) or '', '(%S+) (%d+)(%+?)') do
    if owner ~= orderId then others[#others + 1] = { id = owner, amount = tonumber(amount), mark = mark } end
  end
  return others
end

-- The order that prevents this one from being paid by this payment; nil if there is none. Claims count
-- even if the owner's record is missing: losing a record must not free its payment.
local function usedBy(keys, orderId, expected, received, isShared)
  local left, counted = (tonumber(received) or math.huge) - expected, {}
  for nth, key in ipairs(keys) do
    -- A shared payment is identified by its receipts, if it has any: there may be several payments under one reference.
    local isCounted = nth > 1 or #keys == 1
    for _, other in ipairs(othersAt(key, orderId)) do
      if not isShared or other.mark == '' then return other.id end
      if isCounted and not counted[other.id] then
        counted[other.id] = true
        left = left - other.amount
        if left < 0 then return other.id end
      end
    end
  end
end

local function own(key, orderId, expected, isShared, lifeMs)
  local owners = { orderId .. ' ' .. expected .. (isShared and '+' or '') }
  if isShared then
    for _, other in ipairs(othersAt(key, orderId)) do
      owners[#owners + 1] = string.format('%s %.0f%s', other.id, other.amount, other.mark)
    end
  end
  call('SET', key, table.concat(owners, ' '), 'PX', string.format('%.0f', math.max(lifeMs, call('PTTL', key))))
end

-- How long a claim is kept: as long as the record of the order that settles, which is kept for the retention after its last
-- poll. The order's next poll may be later than the retention.
local function lifeOf(retentionMs, nextPollAt)
  local time = call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  return tonumber(retentionMs) + math.max((tonumber(nextPollAt) or 0) - now, 0)
end

-- Claims that deny an order its payment outlive that order: otherwise a later poll of it would find the payment free.
local function prolong(keys, orderId, lifeMs)
  for _, key in ipairs(keys) do
    local left = call('PTTL', key)
    if left >= 0 and left < lifeMs and #othersAt(key, orderId) > 0 then
      call('PEXPIRE', key, string.format('%.0f', lifeMs))
    end
  end
end

-- Writes the claims of a paid order and publishes its event: both or neither.
local function publish(owned, owner, from, to)
  local before = {}
  for _, key in ipairs(owned) do
    before[#before + 1] = { key, call('GET', key), call('PTTL', key) }
    own(key, unpack(owner))
  end
  local isDone, reply = pcall(call, 'XADD', results, '*', unpack(ARGV, from, to))
  if isDone then return reply end
  for _, was in ipairs(before) do
    if was[2] then redis.pcall('SET', was[1], was[2], 'PX', math.max(was[3], 1)) else redis.pcall('DEL', was[1]) end
  end
  error(reply, 0)
end

local function settle(keys, from, to)
  local order, inbox, statistics = unpack(keys, 1, 3)
  local entries = {}
  for member in string.gmatch(ARGV[from + 7], '%S+') do entries[#entries + 1] = member end
  local owned = { unpack(keys, 4, #keys - #entries) }
  local orderId, retentionMs, entry = ARGV[from], ARGV[from + 3], ARGV[from + 5]
  local known = call('HMGET', order, 'revision', 'hints', 'hintAt', 'nextPollAt', 'shares', 'createdAt')
  if not known[1] then return { 'gone' } end
  if known[1] ~= ARGV[from + 1] then
    -- This very call was sent again, as its reply was lost.
    if known[1] == ARGV[from + 10] then return { 'settled', known[4], '' } end
    return { 'stale' }
  end
  if entry ~= '' and not contains(inbox, entry) then return { 'taken', known[4] } end
  local nextPollAt, hints = ARGV[from + 2], tonumber(known[2] or 0)
  -- Redis may have lost poll requests that this was decided on: more than there are cannot have been served.
  local hintsSeen = math.min(tonumber(ARGV[from + 4]), hints)
  if hints > hintsSeen or entry ~= '' then
    local isInboxLeft = call('LLEN', inbox) > (entry ~= '' and 1 or 0)
    -- While the inbox holds further answers, keep a hint pending, so that the next worker reads them after a crash.
    if isInboxLeft then hintsSeen = math.min(hintsSeen, hints - 1) end
    -- A poll requested while this one was in flight is still due: this answer may be older than the request.
    if nextPollAt == '' then
      if isInboxLeft then nextPollAt = known[3] end
    elseif hints > hintsSeen and tonumber(known[3]) < tonumber(nextPollAt) then
      nextPollAt = known[3]
    end
  end
  local last = from + 8 + tonumber(ARGV[from + 8])
  local isPublishing = to > last
  local counters = isPublishing and last + 4 + tonumber(ARGV[last + 4])
  -- The second field of the event is its id, <orderId>:<version>.
  local version = isPublishing and string.match(ARGV[counters + 4], ':(%d+)$') or '0'
  local fields = { 'nextPollAt', nextPollAt, unpack(ARGV, from + 9, last) }
  if hints ~= 0 or hintsSeen ~= 0 then
    fields[#fields + 1] = 'hintsSeen'
    fields[#fields + 1] = hintsSeen
  end

  local act, expected, received, sharing = string.match(ARGV[from + 6], '^(%a+) (%d+) (%S+) (%a+)$')
  local isShared = sharing == 'shared'
  -- A claim that is only renewed stays as it was made, whatever the account's setting is by now.
  if act == 'keep' then isShared = known[5] == '1' end
  local lifeMs = lifeOf(retentionMs, nextPollAt)
  if act then
    local owner = usedBy(owned, orderId, expected, received, isShared)
    if owner and act ~= 'keep' then prolong(owned, orderId, lifeMs) end
    if owner and act == 'take' then return { 'used', owner } end
    -- Redis may have lost the other order's claim since it was found, with the last second before a power failure.
    if not owner and act == 'deny' then return { 'stale' } end
    -- A claim that another order holds by now is left to it.
    if owner or act == 'deny' then owned = {} end
  end

  -- No entry is empty, so none is removed by this.
  if entry ~= '' then call('LREM', inbox, 1, '') end
  if isPublishing then
    call('HSET', order, 'revision', known[1])
    local id = publish(owned, { orderId, expected, isShared, lifeMs }, counters + 1, to)
    -- The event's stream id and version, by which the sweeper checks that it is still on the stream.
    fields[#fields + 1] = 'result'
    fields[#fields + 1] = id .. ' ' .. version
  end
  call('HSET', order, unpack(fields))
  if entry ~= '' then call('LREM', inbox, 1, entry) end

  local neglected = ''
  local function try(...)
    local reply = redis.pcall(...)
    if type(reply) == 'table' and reply.err then neglected = ({ ... })[1] .. ' ' .. ({ ... })[2] .. ': ' .. reply.err end
  end
  if act == 'keep' then
    for _, key in ipairs(owned) do pcall(own, key, orderId, expected, isShared, lifeMs) end
  end
  if nextPollAt == '' then
    try('ZREM', open, orderId)
    try('PEXPIRE', order, retentionMs)
  else
    try('ZADD', open, nextPollAt, orderId)
    if known[4] == '' then try('PERSIST', order) end
  end
  if nextPollAt == '' or isPublishing then
    try('ZREM', asking, orderId)
    try('ZADD', settled, known[6], orderId)
  end
  for nth, member in ipairs(entries) do try('ZADD', keys[#keys - #entries + nth], 0, member) end
  if isPublishing then
    if ARGV[last + 1] == '' then
      try('HDEL', unresolved, orderId)
    else
      try('HSET', unresolved, orderId, ARGV[last + 1])
    end
    if ARGV[last + 2] == '' then
      try('HDEL', used, orderId)
    else
      try('HSET', used, orderId, ARGV[last + 2])
      try('PEXPIRE', used, retentionMs)
    end
    for i = last + 5, counters do try('HINCRBY', statistics, ARGV[i], 1) end
    try('PEXPIRE', statistics, ARGV[last + 3])
  end
  return { 'settled', nextPollAt, neglected }
end
