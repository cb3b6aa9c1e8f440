-- Has the turn of a result come? KEYS: what the group has handled of its order, results.
-- ARGV: group, streamId, orderId, stateversion, holder, lock ms, life of the key in ms, fresh ms.
-- Returns 'stale' (this or a newer result of the order was handled), 'wait' (a result of the order is being handled, or
-- an older one is to come first) or 'go' (the order is locked for the holder).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'version', 'holder', 'until')
local handled, version = tonumber(known[1] or 0), tonumber(ARGV[4])

-- An older result is waited for while somebody has it in hand or it was tried only a few times; not while it keeps failing.
local function isOlderUnderWay()
  local from = '-'
  for _ = 1, 50 do
    local pending = redis.pcall('XPENDING', KEYS[2], ARGV[1], from, '(' .. ARGV[2], 100)
    if pending.err then return false end
    for _, each in ipairs(pending) do
      from = '(' .. each[1]
      local underWay = each[3] < tonumber(ARGV[8]) or each[4] <= 3
      local entry = underWay and redis.call('XRANGE', KEYS[2], each[1], each[1])[1]
      local fields = entry and entry[2] or {}
      for i = 1, #fields - 1, 2 do
        if fields[i] == 'subject' and fields[i + 1] == ARGV[3] then return true end
      end
    end
    if #pending < 100 then return false end
  end
  return true
end

if handled >= version then return 'stale' end
if known[2] and known[2] ~= ARGV[5] and tonumber(known[3]) > now then return 'wait' end
if handled < version - 1 and isOlderUnderWay() then return 'wait' end
redis.call('HSET', KEYS[1], 'holder', ARGV[5], 'until', now + tonumber(ARGV[6]))
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return 'go'
