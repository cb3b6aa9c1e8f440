-- Removes index entries of orders that no longer exist, from some of the entries of each sorted set.
-- KEYS: sorted sets. ARGV: what the keys of records begin with; where an order's id begins in a member, counted from 1;
-- most entries examined per set; a number from 0 to 1 that says where in a larger set to begin; how many entries to examine
-- before the remaining sets are left to the next call.
-- Returns how many entries were removed, and how many of the sets were examined.
local records, begin, limit, share, enough = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local removed, examined = 0, 0
for nth, key in ipairs(KEYS) do
  local count = redis.pcall('ZCARD', key)
  -- A key of another type is replaced when an order is added to it again.
  if type(count) == 'number' and count > 0 then
    local start = math.floor(math.max(0, count - limit) * share)
    for _, member in ipairs(redis.call('ZRANGE', key, start, start + limit - 1)) do
      examined = examined + 1
      if redis.call('EXISTS', records .. string.sub(member, begin)) == 0 then
        removed = removed + redis.call('ZREM', key, member)
      end
    end
    if examined >= enough then return { removed, nth } end
  end
end
return { removed, #KEYS }
