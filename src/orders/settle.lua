-- Moves orders one step each and publishes their verdicts; each order all or nothing, none hindered by another.
-- KEYS: open, results, unresolved, asking; then per order: order, inbox, statistics of this hour.
-- ARGV per order: number of arguments that follow, then
--   orderId, revision it was decided on, nextPollAt ('' = closed), retention in ms, hints seen,
--   entry of the inbox that the reading came from ('' = none), number of field strings, field, value, ...;
--   when something is published also: what to note of unresolved money ('' = none), life of the statistics in ms,
--   number of counters, counters to raise, then the event's field, value, ...
-- Returns per order {'settled', nextPollAt}, {'stale'} (someone else moved it first: decide again), {'taken', nextPollAt}
--   (someone else has settled this entry), {'gone'}, or {'failed', why}.
local call = redis.call
local open, results, unresolved, asking = unpack(KEYS, 1, 4)

local function settle(order, inbox, statistics, from, to)
  local orderId, retentionMs, entry = ARGV[from], ARGV[from + 3], ARGV[from + 5]
  local known = call('HMGET', order, 'revision', 'hints', 'hintAt', 'nextPollAt')
  if not known[1] then return { 'gone' } end
  if known[1] ~= ARGV[from + 1] then return { 'stale' } end
  if entry ~= '' and call('LREM', inbox, 1, entry) == 0 then return { 'taken', known[4] } end
  local nextPollAt, hints, hintsSeen = ARGV[from + 2], tonumber(known[2] or 0), tonumber(ARGV[from + 4])
  if hints > hintsSeen or entry ~= '' then
    local isInboxLeft = call('LLEN', inbox) > 0
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
  call('HSET', order, 'nextPollAt', nextPollAt, 'revision', tonumber(known[1]) + 1, unpack(ARGV, from + 7, last))
  if hints ~= 0 or hintsSeen ~= 0 then call('HSET', order, 'hintsSeen', hintsSeen) end
  if nextPollAt == '' then
    call('ZREM', open, orderId)
    call('PEXPIRE', order, retentionMs)
  else
    call('ZADD', open, nextPollAt, orderId)
    if known[4] == '' then call('PERSIST', order) end
  end
  if nextPollAt == '' or isPublishing then call('ZREM', asking, orderId) end
  if isPublishing then
    if ARGV[last + 1] == '' then
      call('HDEL', unresolved, orderId)
    else
      call('HSET', unresolved, orderId, ARGV[last + 1])
    end
    local counters = last + 3 + tonumber(ARGV[last + 3])
    for i = last + 4, counters do call('HINCRBY', statistics, ARGV[i], 1) end
    call('PEXPIRE', statistics, ARGV[last + 2])
    call('XADD', results, '*', unpack(ARGV, counters + 1, to))
  end
  return { 'settled', nextPollAt }
end

-- Does the error lie in this order's own keys or arguments?
local function isOwn(why) return string.find(why, '^WRONGTYPE') or string.find(why, '^ERR') or string.find(why, 'user_script') end

local replies, from = {}, 2
for i = 1, (#KEYS - 4) / 3 do
  local to = from - 1 + tonumber(ARGV[from - 1])
  local key = 2 + 3 * i
  local isDone, reply = pcall(settle, KEYS[key], KEYS[key + 1], KEYS[key + 2], from, to)
  if not isDone then
    local why = type(reply) == 'table' and reply.err or tostring(reply)
    -- What Redis refuses to all (it is full, or a replica) is the error of the script: clients act on its first word.
    if not isOwn(why) then return redis.error_reply(why) end
    reply = { 'failed', why }
  end
  replies[i] = reply
  from = to + 2
end
return replies
