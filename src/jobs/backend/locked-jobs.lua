-- The active jobs that one worker has locked. KEYS: active. ARGV: key prefix, the worker's token. Returns their ids.
local locked = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if redis.pcall('GET', ARGV[1] .. id .. ':lock') == ARGV[2] then locked[#locked + 1] = id end
end
return locked
