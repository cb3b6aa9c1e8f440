-- Notes that a process serves accounts. KEYS: registry, when each entry was renewed, who serves each account.
-- ARGV: id of the process ('' = none), 'replace' or 'restore' (an entry that is there stays as it is), how long an account is
-- remembered in ms, then account, entry, ...
local registry, renewed, serving = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 4, #ARGV, 2 do
  redis.call(ARGV[2] == 'replace' and 'HSET' or 'HSETNX', registry, ARGV[i], ARGV[i + 1])
  redis.call('ZADD', renewed, now, ARGV[i])
  if ARGV[1] ~= '' then redis.call('ZADD', serving, now, ARGV[i] .. ' ' .. ARGV[1]) end
end
-- An earlier release did not note when: its entries expire as if they had been renewed now.
for _, account in ipairs(redis.call('HKEYS', registry)) do redis.call('ZADD', renewed, 'NX', now, account) end
for _, account in ipairs(redis.call('ZRANGE', renewed, '-inf', now - ARGV[3], 'BYSCORE')) do
  redis.call('HDEL', registry, account)
  redis.call('ZREM', renewed, account)
end
redis.call('ZREMRANGEBYSCORE', serving, '-inf', now - 86400000)
