-- Registers accounts. KEYS: registry, sorted set of renewal times, sorted set of serving processes.
-- ARGV: id of the process that serves them ('' = none), 'replace' or 'restore' (keep entries that exist), how long entries are
-- kept without renewal in ms, then account, entry, ...
local registry, renewed, serving = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 4, #ARGV, 2 do
  redis.call(ARGV[2] == 'replace' and 'HSET' or 'HSETNX', registry, ARGV[i], ARGV[i + 1])
  redis.call('ZADD', renewed, now, ARGV[i])
  if ARGV[1] ~= '' then redis.call('ZADD', serving, now, ARGV[i] .. ' ' .. ARGV[1]) end
end
-- Entries of an earlier release have no renewal time: they expire as if renewed now.
for _, account in ipairs(redis.call('HKEYS', registry)) do redis.call('ZADD', renewed, 'NX', now, account) end
for _, account in ipairs(redis.call('ZRANGE', renewed, '-inf', now - ARGV[3], 'BYSCORE')) do
  redis.call('HDEL', registry, account)
  redis.call('ZREM', renewed, account)
end
redis.call('ZREMRANGEBYSCORE', serving, '-inf', now - 86400000)
