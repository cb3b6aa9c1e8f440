-- Isolates the orders of one script: an error of one order fails only that order.

-- Is the error specific to this order (its keys, its arguments, our permissions), or does it affect all orders?
local function isOwn(why)
  return string.find(why, '^WRONGTYPE') or string.find(why, '^ERR') or string.find(why, '^NOPERM') or string.find(why, 'user_script')
end

local isAnyDone = false

-- Runs the work for one order. Returns its reply, or {'failed', error} if it failed without writing anything. Returns
-- nil and the error if it affects all orders (out of memory, read-only): the script must then fail with that error unchanged,
-- because clients react to its first word. But not once an order was written: its worker must get the reply.
local function apart(work, ...)
  local isDone, reply = pcall(work, ...)
  if isDone then
    isAnyDone = isAnyDone or reply[1] == 'settled' or reply[1] == 'new'
    return reply
  end
  local why = type(reply) == 'table' and reply.err or tostring(reply)
  if not isAnyDone and not isOwn(why) then return nil, why end
  return { 'failed', why, '' }
end
