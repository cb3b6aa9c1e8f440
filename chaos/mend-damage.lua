-- Puts back what a key held before it was damaged, beside what was written to it since, in one step: a service that saw the key
-- missing in between would write to a key that is about to be replaced.
-- KEYS: the key, what was kept of it. ARGV: the text that was put there.
local key, kept = KEYS[1], KEYS[2]
local type = redis.call('TYPE', key).ok
if type == 'string' and redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
if redis.call('EXISTS', kept) == 0 then return end
if type == 'zset' then redis.call('ZUNIONSTORE', kept, 2, kept, key) end
if type == 'hash' then
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do redis.call('HSET', kept, fields[i], fields[i + 1]) end
end
redis.call('RENAME', kept, key)
