-- Counts the entries of a stream after an id. KEYS: stream. ARGV: id, most entries to count.
local count, from, limit = 0, '(' .. ARGV[1], tonumber(ARGV[2])
while count < limit do
  local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', math.min(100, limit - count))
  count = count + #entries
  if #entries == 0 then break end
  from = '(' .. entries[#entries][1]
end
return count
