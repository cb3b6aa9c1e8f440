-- Finds orders whose last verdict is no longer on the stream, though nothing has removed it from there.
-- KEYS: results, then orders. ARGV: results before this (epoch ms) may have been removed.
-- Returns per order what its record says of its last result, where that is missing; '' otherwise.
-- A stream that was trimmed has begun later than its first entry tells; one that was made anew has lost nothing but itself.
local info = {}
local reply = redis.pcall('XINFO', 'STREAM', KEYS[1])
for i = 1, reply.err and 0 or #reply, 2 do info[reply[i]] = reply[i + 1] end

local function parts(id)
  local ms, sequence = string.match(id or '', '^(%d+)-(%d+)')
  return tonumber(ms), tonumber(sequence)
end

-- Redis before 7 does not count what was added: there a stream that begins later counts as trimmed.
local isTrimmed = info.length and (info['entries-added'] or math.huge) > info.length
local firstMs, firstSequence = parts(info['first-entry'] and info['first-entry'][1])

local function wasRemoved(ms, sequence)
  if ms < tonumber(ARGV[1]) then return true end
  return isTrimmed and (not firstMs or ms < firstMs or (ms == firstMs and sequence < firstSequence))
end

local missing = {}
for i = 2, #KEYS do
  local known = redis.pcall('HGET', KEYS[i], 'result')
  local ms, sequence = parts(type(known) == 'string' and known or '')
  missing[i - 1] = ''
  if ms and not wasRemoved(ms, sequence) then
    local id = string.match(known, '^%d+%-%d+')
    local found = redis.pcall('XRANGE', KEYS[1], id, id)
    -- A stream that is none can take nothing either.
    if not found.err and #found == 0 then missing[i - 1] = known end
  end
end
return missing
