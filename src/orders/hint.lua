-- Records a poll request in the order's record before it is acted on, so that it is not lost to a poll in flight. A callback is
-- also noted as evidence, whatever the order's phase.
-- KEYS: order, unresolved. ARGV: now ('' = Redis' clock), least interval between requested polls in ms, orderId, hash of the
--   callback's body ('' = requested by a person), callbacks kept.
-- Returns {'gone'}, {'closed'}, or {'promote' | 'waiting', time of the poll, now}: 'waiting' if an earlier request is pending.
local known = redis.call('HMGET', KEYS[1], 'phase', 'hintAt', 'nextPollAt', 'hints', 'hintsSeen', 'callbacks', 'withdrawn')
if not known[1] then return { 'gone' } end
local now, hintAt = tonumber(ARGV[1]), tonumber(known[2] or 0)
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A provider sends the same callback again until it is answered: repeats are counted. Returns true for a new one.
local function note(hash)
  local entries, repeated, at = {}, false, string.format('%.0f', now)
  for firstAt, last, count, each in string.gmatch(known[6] or '', '(%d+):(%d+):(%d+):(%S+)') do
    if each == hash then
      repeated, last, count = true, at, string.format('%.0f', tonumber(count) + 1)
    end
    entries[#entries + 1] = table.concat({ firstAt, last, count, each }, ':')
  end
  if not repeated then entries[#entries + 1] = table.concat({ at, at, '1', hash }, ':') end
  local first = math.max(1, #entries - tonumber(ARGV[5]) + 1)
  redis.call('HSET', KEYS[1], 'callbacks', table.concat(entries, ' ', first))
  return not repeated
end

-- A withdrawn order is not polled, so a person has to find out what the provider knows of it.
local function needsAttention()
  local facts = redis.call('HMGET', KEYS[1], 'amountMinor', 'currency', 'account')
  redis.pcall('HSET', KEYS[2], ARGV[3], string.format('%.0f', now) .. ' ' .. table.concat(facts, ' '))
  redis.call('HDEL', KEYS[1], 'acknowledged')
end

if ARGV[4] ~= '' and note(ARGV[4]) and known[7] then needsAttention() end
if known[1] == 'closed' then return { 'closed' } end
local isUnserved = tonumber(known[4] or 0) > tonumber(known[5] or 0)
local hints = tonumber(known[4] or 0) + 1
if hintAt > now and isUnserved then
  redis.call('HSET', KEYS[1], 'hints', hints)
  return { 'waiting', known[2] }
end
-- An early poll may already have served the request scheduled for later; this request then takes its slot.
local at = string.format('%.0f', hintAt > now and hintAt or math.max(now, hintAt + tonumber(ARGV[2])))
redis.call('HSET', KEYS[1], 'hints', hints, 'hintAt', at)
-- A scheduled poll before that time serves the request. A poll already due may be in flight, so its answer may be too old.
local nextPollAt = tonumber(known[3])
if nextPollAt > now and nextPollAt < tonumber(at) then at = known[3] end
return { 'promote', at, string.format('%.0f', now) }
