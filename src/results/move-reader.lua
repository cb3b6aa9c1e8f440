-- Moves a reader's position forward. KEYS: results, readers.
-- ARGV: name, group, stream id up to which the reader has handled everything, accounts of the API key (JSON; null for all),
--   most readers.
-- Returns {'moved' | 'behind', position} ('behind': it was further ahead, and stays there), {'future'}, {'taken'}, {'full'}.
-- A reader's position is that of a consumer group without consumers, so whatever watches groups watches readers.
local name, group, id, accounts = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local function parts(of)
  local ms, sequence = string.match(of, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(sequence)
end
-- Sequences beyond 2^53 do not occur: Redis counts them from 0 in every millisecond.
local function isAfter(a, b)
  local aMs, aSequence = parts(a)
  local bMs, bSequence = parts(b)
  return aMs > bMs or (aMs == bMs and aSequence > bSequence)
end
local function field(reply, wanted)
  for i = 1, #reply, 2 do if reply[i] == wanted then return reply[i + 1] end end
end

-- A reader belongs to the accounts of the key that created it. Keys for all of these accounts may use it.
local function mayUse(reader)
  local own, of = cjson.decode(accounts), reader.accounts
  if own == cjson.null then return true end
  if of == cjson.null then return false end
  local sees = {}
  for _, account in ipairs(own) do sees[account] = true end
  for _, account in ipairs(of) do
    if not sees[account] then return false end
  end
  return true
end

local known = redis.call('HGET', KEYS[2], name)
local reader = known and cjson.decode(known)
if reader and not mayUse(reader) then return { 'taken' } end
if not known and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[5]) then return { 'full' } end

local exists = redis.call('EXISTS', KEYS[1]) == 1
local last = exists and field(redis.call('XINFO', 'STREAM', KEYS[1]), 'last-generated-id') or '0-0'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if isAfter(id, last) then
  -- Redis may have lost the last results with a power failure, and will publish under later ids than any before. But an id of
  -- tomorrow is a mistake, and would take everything until then for handled.
  if parts(id) > now + 1000 then return { 'future' } end
  id = last
end

local position
if exists then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    if field(info, 'name') == group then position = field(info, 'last-delivered-id') end
  end
end
local outcome = 'moved'
if not position then
  redis.call('XGROUP', 'CREATE', KEYS[1], group, id, 'MKSTREAM')
elseif isAfter(position, id) then
  outcome, id = 'behind', position
elseif position ~= id then
  redis.call('XGROUP', 'SETID', KEYS[1], group, id)
end
local owner = reader and cjson.encode(reader.accounts) or accounts
redis.call('HSET', KEYS[2], name, '{"accounts":' .. owner .. ',"position":"' .. id .. '","at":' .. string.format('%.0f', now) .. '}')
return { outcome, id }
