-- Acquires one of the few polls that orders past their deadline get while the breaker is open. KEYS: breaker, lock.
-- ARGV: now, least interval between such polls in ms. Returns '' if acquired, else how long to wait in ms.
local restUntil = tonumber(redis.call('HGET', KEYS[1], 'restUntil') or 0) or 0
-- The provider itself asked for this pause, so not even these polls are allowed.
if restUntil > tonumber(ARGV[1]) then return string.format('%.0f', restUntil - tonumber(ARGV[1])) end
if redis.call('SET', KEYS[2], '1', 'PX', ARGV[2], 'NX') then return '' end
return tostring(redis.call('PTTL', KEYS[2]))
