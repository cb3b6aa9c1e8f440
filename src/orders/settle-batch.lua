-- Settles a batch of orders, independently of each other. See settle.lua.
-- KEYS and ARGV as described there. Returns a reply per order.
-- include: ../redis/apart
-- include: settle
local replies, key, from = {}, 7, 1
while from < #ARGV do
  local count = tonumber(ARGV[from])
  local to = from + 1 + tonumber(ARGV[from + 1])
  local reply, why = apart(settle, { unpack(KEYS, key, key + count - 1) }, from + 2, to)
  if not reply then return redis.error_reply(why) end
  replies[#replies + 1] = reply
  key, from = key + count, to + 1
end
return replies
