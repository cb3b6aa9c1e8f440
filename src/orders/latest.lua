-- Lists orders by the time they were created, latest first. KEYS: sorted sets of orders.
-- ARGV: how many of each set; createdAt and orderId after which to go on ('' = from the latest); least createdAt.
-- Returns per set a flat list: orderId, createdAt, ...
-- Orders of the same time are listed by their ids in descending order of bytes, as Redis sorts them.
local count, before, beforeId, least = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]

-- Lua compares strings by locale; Redis by bytes.
local function isLess(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- The rank, counted from the latest, of the first order after the given one, which need not be in the set.
local function rankAfter(set)
  if before == '' then return 0 end
  local from = redis.call('ZCOUNT', set, '(' .. before, '+inf')
  local to = from + redis.call('ZCOUNT', set, before, before)
  while from < to do
    local middle = math.floor((from + to) / 2)
    local found = redis.call('ZREVRANGE', set, middle, middle)[1]
    if found and isLess(found, beforeId) then to = middle else from = middle + 1 end
  end
  return from
end

local lists = {}
for nth, set in ipairs(KEYS) do
  local start = rankAfter(set)
  local found = redis.call('ZREVRANGE', set, start, start + count - 1, 'WITHSCORES')
  local last = #found
  while last > 0 and tonumber(found[last]) < tonumber(least) do last = last - 2 end
  lists[nth] = { unpack(found, 1, last) }
end
return lists
