-- Pauses or resumes an account for people. KEYS: breaker, accounts stream.
-- ARGV: 'pause' or 'resume', who does it, the reason, then the fields of the event to publish if that changes anything.
-- Returns 'changed' or 'same'. An account that was resumed keeps an entry: by its time, an older pause is recognised as over.
-- It is also written if no pause is known here: a process may still remember one that Redis has lost.
local text = redis.call('HGET', KEYS[1], 'pause')
local isDone, known = pcall(cjson.decode, text or '{}')
if not isDone or type(known) ~= 'table' then known = {} end
local time = redis.call('TIME')
-- Always later than the entry it replaces, also after a failover to a Redis whose clock is behind.
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), (tonumber(known.at) or 0) + 1)
local isPausing, was = ARGV[1] == 'pause', known.isPaused == true
if isPausing and was and known.reason == ARGV[3] then return 'same' end
local entry = { isPaused = isPausing, at = now, since = was and known.since or now, by = ARGV[2], reason = ARGV[3] }
redis.call('HSET', KEYS[1], 'pause', cjson.encode(entry))
if not isPausing and not was then return 'same' end
-- pcall: a broken accounts stream must not keep anybody from pausing an account.
redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', unpack(ARGV, 4))
return 'changed'
