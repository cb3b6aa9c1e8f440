-- A provider answered again. KEYS: gate, probe, accounts stream. ARGV: fingerprint of the credentials in use, then the
-- fields of the event to publish when the account was degraded. Returns 1 when it was.
local known = redis.call('HMGET', KEYS[1], 'level', 'lockedBy')
-- The answer was on its way when the credentials were locked: it does not unlock them.
if known[2] == ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
if (tonumber(known[1] or 0) or 0) == 0 and (known[2] or '') == '' then return 0 end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', unpack(ARGV, 2))
return 1
