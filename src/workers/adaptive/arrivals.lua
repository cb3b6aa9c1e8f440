-- Counts the new orders of an account by minute, from the counter of jobs added to its queue.
-- KEYS: arrivals, a hash of orders by minute. ARGV: the counter, minutes to keep, life of the hash in ms.
-- Returns Redis' time in ms, since when orders have been counted, then minute, orders, ... A counter that was read a moment
-- before another process' is taken as it is: the few orders in between are counted twice.
local call, time = redis.call, redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local minute, added = math.floor(now / 60000), tonumber(ARGV[1]) or 0
local known = call('HMGET', KEYS[1], 'added', 'since')
local before, since = tonumber(known[1] or ''), tonumber(known[2] or '')
if not before or not since or since > now then
  call('DEL', KEYS[1])
  before, since = added, now
end
-- Fewer than before: the queue was emptied, and its counter begins anew.
if added > before then call('HINCRBY', KEYS[1], minute, added - before) end
call('HSET', KEYS[1], 'added', added, 'since', string.format('%.0f', since))
call('PEXPIRE', KEYS[1], ARGV[3])
local counted, all = {}, call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local each = tonumber(all[i])
  if each and each <= minute - tonumber(ARGV[2]) then
    call('HDEL', KEYS[1], all[i])
  elseif each then
    counted[#counted + 1] = all[i]
    counted[#counted + 1] = all[i + 1]
  end
end
return { string.format('%.0f', now), string.format('%.0f', since), unpack(counted) }
