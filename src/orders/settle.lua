-- Moves an order one step and publishes its verdict, all or nothing.
-- KEYS: order, open, results, inbox, unresolved, statistics of this hour, asking
-- ARGV: orderId, revision it was decided on, nextPollAt ('' = closed), retention in ms, hints seen,
--   pushed answers taken from the inbox (0 or 1), number of field strings, field, value, ...;
--   when something is published also: what to note of unresolved money ('' = none), life of the statistics in ms,
--   number of counters, counters to raise, then the event's field, value, ...
-- Returns {'settled', nextPollAt}, {'stale'} (someone else moved it first: decide again) or {'gone'}.
local known = redis.call('HMGET', KEYS[1], 'revision', 'hints', 'hintAt')
if not known[1] then return { 'gone' } end
if known[1] ~= ARGV[2] then return { 'stale' } end
local nextPollAt, hints, hintsSeen = ARGV[3], tonumber(known[2] or 0), tonumber(ARGV[5])
if hints > hintsSeen or ARGV[6] == '1' then
  local isInboxLeft = redis.call('LLEN', KEYS[4]) > tonumber(ARGV[6])
  -- What is left in the inbox keeps a wish unserved, so that whoever takes over after a crash looks there.
  if isInboxLeft then hintsSeen = math.min(hintsSeen, hints - 1) end
  -- Someone asked for a poll while this one was under way: it may have asked too early, so ask again.
  if nextPollAt == '' then
    if isInboxLeft then nextPollAt = known[3] end
  elseif hints > hintsSeen and tonumber(known[3]) < tonumber(nextPollAt) then
    nextPollAt = known[3]
  end
end
local last = 7 + tonumber(ARGV[7])
redis.call('HSET', KEYS[1], 'nextPollAt', nextPollAt, 'hintsSeen', hintsSeen, unpack(ARGV, 8, last))
redis.call('HINCRBY', KEYS[1], 'revision', 1)
if ARGV[6] == '1' then redis.call('LPOP', KEYS[4]) end
if nextPollAt == '' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
else
  redis.call('ZADD', KEYS[2], nextPollAt, ARGV[1])
  redis.call('PERSIST', KEYS[1])
end
if nextPollAt == '' or #ARGV > last then redis.call('ZREM', KEYS[7], ARGV[1]) end
if #ARGV > last then
  if ARGV[last + 1] == '' then
    redis.call('HDEL', KEYS[5], ARGV[1])
  else
    redis.call('HSET', KEYS[5], ARGV[1], ARGV[last + 1])
  end
  local counters = last + 3 + tonumber(ARGV[last + 3])
  for i = last + 4, counters do redis.call('HINCRBY', KEYS[6], ARGV[i], 1) end
  redis.call('PEXPIRE', KEYS[6], ARGV[last + 2])
  redis.call('XADD', KEYS[3], '*', unpack(ARGV, counters + 1))
end
return { 'settled', nextPollAt }
