-- Moves orders one step each and publishes their verdicts; each order all or nothing, none hindered by another.
-- Redis does not undo what a script has written when a later command fails. So for each order everything that could fail
-- comes first: reading, and the commands that must succeed, tried in a form that changes nothing. Then the event, then the
-- record. Lists and figures come last: they are made from records, so one that cannot be written stops no verdict.
-- KEYS: open, results, unresolved, asking; then per order: order, inbox, statistics of this hour.
-- ARGV per order: number of arguments that follow, then
--   orderId, revision it was decided on, nextPollAt ('' = closed), retention in ms, hints seen,
--   entry of the inbox that the reading came from ('' = none), number of field strings, field, value, ..., the first of
--   them 'step' and an id that no other step has;
--   when something is published also: what to note of unresolved money ('' = none), life of the statistics in ms,
--   number of counters, counters to raise, then the event's field, value, ...
-- Returns per order {'settled', nextPollAt, why a list or figure could not be written ('' = all were)},
--   the same without a why when this very step was made before and its reply was lost,
--   {'stale'} (someone else moved it first: decide again), {'taken', nextPollAt} (someone else has settled this entry),
--   {'gone'}, or {'failed', why} (nothing was written).
local call = redis.call
local open, results, unresolved, asking = unpack(KEYS, 1, 4)

local function contains(list, entry)
  for _, each in ipairs(call('LRANGE', list, 0, -1)) do
    if each == entry then return true end
  end
  return false
end

local function settle(order, inbox, statistics, from, to)
  local orderId, retentionMs, entry = ARGV[from], ARGV[from + 3], ARGV[from + 5]
  local known = call('HMGET', order, 'revision', 'hints', 'hintAt', 'nextPollAt', 'step')
  if not known[1] then return { 'gone' } end
  if known[1] ~= ARGV[from + 1] then
    if known[5] == ARGV[from + 8] then return { 'settled', known[4], '' } end
    return { 'stale' }
  end
  if entry ~= '' and not contains(inbox, entry) then return { 'taken', known[4] } end
  local nextPollAt, hints, hintsSeen = ARGV[from + 2], tonumber(known[2] or 0), tonumber(ARGV[from + 4])
  if hints > hintsSeen or entry ~= '' then
    local isInboxLeft = call('LLEN', inbox) > (entry ~= '' and 1 or 0)
    -- What is left in the inbox keeps a wish unserved, so that whoever takes over after a crash looks there.
    if isInboxLeft then hintsSeen = math.min(hintsSeen, hints - 1) end
    -- Someone asked for a poll while this one was under way: it may have asked too early, so ask again.
    if nextPollAt == '' then
      if isInboxLeft then nextPollAt = known[3] end
    elseif hints > hintsSeen and tonumber(known[3]) < tonumber(nextPollAt) then
      nextPollAt = known[3]
    end
  end
  local last = from + 6 + tonumber(ARGV[from + 6])
  local isPublishing = to > last
  local counters = isPublishing and last + 3 + tonumber(ARGV[last + 3])
  local fields = { 'nextPollAt', nextPollAt, 'revision', tonumber(known[1]) + 1, unpack(ARGV, from + 7, last) }
  if hints ~= 0 or hintsSeen ~= 0 then
    fields[#fields + 1] = 'hintsSeen'
    fields[#fields + 1] = hintsSeen
  end

  -- No entry is empty, so none is removed by this.
  if entry ~= '' then call('LREM', inbox, 1, '') end
  if isPublishing then
    call('HSET', order, 'revision', known[1])
    call('XADD', results, '*', unpack(ARGV, counters + 1, to))
  end
  call('HSET', order, unpack(fields))
  if entry ~= '' then call('LREM', inbox, 1, entry) end

  local neglected = ''
  local function try(...)
    local reply = redis.pcall(...)
    if type(reply) == 'table' and reply.err then neglected = ({ ... })[1] .. ' ' .. ({ ... })[2] .. ': ' .. reply.err end
  end
  if nextPollAt == '' then
    try('ZREM', open, orderId)
    try('PEXPIRE', order, retentionMs)
  else
    try('ZADD', open, nextPollAt, orderId)
    if known[4] == '' then try('PERSIST', order) end
  end
  if nextPollAt == '' or isPublishing then try('ZREM', asking, orderId) end
  if isPublishing then
    if ARGV[last + 1] == '' then
      try('HDEL', unresolved, orderId)
    else
      try('HSET', unresolved, orderId, ARGV[last + 1])
    end
    for i = last + 4, counters do try('HINCRBY', statistics, ARGV[i], 1) end
    try('PEXPIRE', statistics, ARGV[last + 2])
  end
  return { 'settled', nextPollAt, neglected }
end

-- Does the error lie in this order's own keys or arguments, or in what our user of Redis may do?
local function isOwn(why)
  return string.find(why, '^WRONGTYPE') or string.find(why, '^ERR') or string.find(why, '^NOPERM') or string.find(why, 'user_script')
end

local replies, from, isAnySettled = {}, 2, false
for i = 1, (#KEYS - 4) / 3 do
  local to = from - 1 + tonumber(ARGV[from - 1])
  local key = 2 + 3 * i
  local isDone, reply = pcall(settle, KEYS[key], KEYS[key + 1], KEYS[key + 2], from, to)
  if isDone then
    isAnySettled = isAnySettled or reply[1] == 'settled'
  else
    local why = type(reply) == 'table' and reply.err or tostring(reply)
    -- What Redis refuses to all (it is full, or a replica) is the error of the script: clients act on its first word. Not
    -- once an order has moved: its worker must not be told that it has not.
    if not isAnySettled and not isOwn(why) then return redis.error_reply(why) end
    reply = { 'failed', why }
  end
  replies[i] = reply
  from = to + 2
end
return replies
