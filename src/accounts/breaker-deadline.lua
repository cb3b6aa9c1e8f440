-- Acquires one of the few polls that orders past their deadline get while their account is paused or its breaker is open, also if
-- the provider asked for the pause: otherwise one order's Retry-After would put off the verdicts of all. KEYS: lock.
-- ARGV: least interval between such polls in ms. Returns '' if acquired, else how long to wait in ms.
if redis.call('SET', KEYS[1], '1', 'PX', ARGV[1], 'NX') then return '' end
return tostring(redis.call('PTTL', KEYS[1]))
