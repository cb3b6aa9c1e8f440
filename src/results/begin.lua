-- Decides whether a result may be handled now. KEYS: delivery state of the order's bucket, lock of the order, results.
-- ARGV: group, streamId, orderId, stateversion, time of the result in ms, holder, lock TTL in ms, idle time in ms below which
-- another result counts as being handled. Returns 'stale' (this or a newer result of the order was handled), 'wait' (a result
-- of the order is being handled, or an older one must come first) or 'go' (the order is locked for the holder).
local note = redis.pcall('HGET', KEYS[1], ARGV[3])
-- An entry that cannot be parsed counts as missing: the result is handled, perhaps a second time.
local version, position, time = string.match(type(note) == 'string' and note or '', '^(%d+) (%d+%-%d+) (%d+)$')

local function isAfter(one, other)
  local ms, nth = string.match(one, '^(%d+)-(%d+)$')
  local otherMs, otherNth = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= otherMs then return tonumber(ms) > tonumber(otherMs) end
  return tonumber(nth) > tonumber(otherNth)
end

-- Versions restart at 1 when an order id is reused after its record expired. Like a republished result, a result of the new
-- order is further on the stream than the handled one; unlike it, it has a later time.
local function isHandled()
  if not position then return false end
  if not isAfter(ARGV[2], position) then return true end
  return tonumber(ARGV[4]) <= tonumber(version) and tonumber(ARGV[5]) <= tonumber(time)
end

-- Wait for an older result while it is being handled or was tried only a few times, but not while it keeps failing.
local function isOlderUnderWay()
  local from = position and '(' .. position or '-'
  for _ = 1, 50 do
    -- An error reply (no such group) has no entries.
    local pending = redis.pcall('XPENDING', KEYS[3], ARGV[1], from, '(' .. ARGV[2], 100)
    for _, each in ipairs(pending) do
      from = '(' .. each[1]
      local underWay = each[3] < tonumber(ARGV[8]) or each[4] <= 3
      local entry = underWay and redis.call('XRANGE', KEYS[3], each[1], each[1])[1]
      local fields = entry and entry[2] or {}
      for i = 1, #fields - 1, 2 do
        if fields[i] == 'subject' and fields[i + 1] == ARGV[3] then return true end
      end
    end
    if #pending < 100 then return false end
  end
  return true
end

if isHandled() then return 'stale' end
local holder = redis.pcall('GET', KEYS[2])
if type(holder) == 'string' and holder ~= ARGV[6] then return 'wait' end
if tonumber(ARGV[4]) > 1 and isOlderUnderWay() then return 'wait' end
redis.call('SET', KEYS[2], ARGV[6], 'PX', ARGV[7])
return 'go'
