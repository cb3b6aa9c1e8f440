-- Deletes a key that holds another type than ours: something other than payment-poller has overwritten it, and every script
-- that uses it would fail for good.
local function ensureType(key, expected)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected then redis.call('DEL', key) end
end

local function nowMs()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
