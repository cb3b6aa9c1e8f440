-- Finds orders whose last result is missing from the stream although it was not trimmed.
-- KEYS: results, then orders. ARGV: results before this time (epoch ms) may have been trimmed.
-- Returns per order the `result` field of its record if the result is missing, else ''.
-- If the stream was trimmed, results before its first entry are not missing. If it was deleted and recreated, they are.
local info = {}
local reply = redis.pcall('XINFO', 'STREAM', KEYS[1])
for i = 1, reply.err and 0 or #reply, 2 do info[reply[i]] = reply[i + 1] end

local function parts(id)
  local ms, sequence = string.match(id or '', '^(%d+)-(%d+)')
  return tonumber(ms), tonumber(sequence)
end

-- Redis before 7 has no entries-added: there the stream always counts as trimmed.
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
    -- If the key is not a stream, republishing would fail too, so the result is not reported.
    if not found.err and #found == 0 then missing[i - 1] = known end
  end
end
return missing
