-- Restores payment claims that were deleted or overwritten.
-- KEYS: orders. ARGV: their ids. Returns per order how many of its keys were restored.
-- A claim that another order made meanwhile is kept too: the payment then has two owners, but no third order can claim it.
local function isOwner(owners, orderId)
  for owner in string.gmatch(owners, '(%S+) %d+%+?') do
    if owner == orderId then return true end
  end
  return false
end

local function restore(order, orderId)
  local known = redis.call('HMGET', order, 'owns', 'amountMinor', 'shares')
  if not known[1] then return 0 end
  local life, restored = redis.call('PTTL', order), 0
  for _, key in ipairs(cjson.decode(known[1])) do
    local owners = redis.pcall('GET', key)
    -- A key of another type would fail every order with this payment.
    local isBroken = type(owners) == 'table'
    if isBroken or not owners or not isOwner(owners, orderId) then
      if isBroken then redis.call('DEL', key) end
      local others = (isBroken or not owners) and '' or ' ' .. owners
      local keep = math.max(life, others == '' and 0 or redis.call('PTTL', key))
      redis.call('SET', key, orderId .. ' ' .. known[2] .. (known[3] == '1' and '+' or '') .. others)
      if life > 0 then redis.call('PEXPIRE', key, keep) end
      restored = restored + 1
    end
  end
  return restored
end

local counts = {}
for nth, order in ipairs(KEYS) do
  -- Errors are reported elsewhere, and must not affect the other orders.
  local isDone, restored = pcall(restore, order, ARGV[nth])
  counts[nth] = isDone and restored or 0
end
return counts
