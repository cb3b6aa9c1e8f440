-- Adds to the completion times of an account, and fades old orders. KEYS: completion times, a hash of orders by bin.
-- ARGV: orders to remember, life in ms, orders added, then bin, orders, ... (fractions).
-- Returns the whole hash as it then stands.
for i = 4, #ARGV, 2 do redis.call('HINCRBYFLOAT', KEYS[1], ARGV[i], ARGV[i + 1]) end
if #ARGV > 3 then
  redis.call('HINCRBYFLOAT', KEYS[1], 'seen', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local all = redis.call('HGETALL', KEYS[1])
local sum, most = 0, tonumber(ARGV[1])
for i = 1, #all, 2 do
  local orders = tonumber(all[i + 1]) or 0
  -- Not what somebody broke ('nan' compares as neither).
  if all[i] ~= 'seen' and orders > 0 and orders < 1e12 then sum = sum + orders end
end
-- Not at every order: fading rewrites the hash.
if sum <= 1.05 * most then return all end
for i = 1, #all, 2 do
  if all[i] ~= 'seen' then
    local left = (tonumber(all[i + 1]) or 0) * most / sum
    if left >= 0.001 and left <= most then
      redis.call('HSET', KEYS[1], all[i], string.format('%.6f', left))
    else
      redis.call('HDEL', KEYS[1], all[i])
    end
  end
end
return redis.call('HGETALL', KEYS[1])
