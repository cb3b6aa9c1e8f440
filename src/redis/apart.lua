-- Keeps the orders of one script apart: what fails for one of them fails for it alone.

-- Does the error lie in this order's own keys or arguments, or in what our user of Redis may do?
local function isOwn(why)
  return string.find(why, '^WRONGTYPE') or string.find(why, '^ERR') or string.find(why, '^NOPERM') or string.find(why, 'user_script')
end

local isAnyDone = false

-- Does the work for one order. Returns what it returns, or {'failed', why} when it failed: then nothing was written. Returns
-- nil and why where Redis refuses it to all (it is full, or a replica), which is then the error of the script, as Redis said
-- it: clients act on its first word. Not once an order has moved: its worker must not be told that it has not.
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
