-- Acknowledges an order's verdict, or takes that back. The list of unresolved money comes first: if it cannot be written,
-- nothing is. KEYS: order, unresolved.
-- ARGV: orderId, revision that this was decided on, the acknowledgement as JSON ('' = take it back), the entry for `unresolved`
--   when it is taken back ('' = none).
-- Returns 'gone', 'stale' (the record has changed: read it and decide again) or 'done'.
local revision = redis.call('HGET', KEYS[1], 'revision')
if not revision then return 'gone' end
if revision ~= ARGV[2] then return 'stale' end
if ARGV[3] ~= '' then
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('HSET', KEYS[1], 'acknowledged', ARGV[3])
else
  if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], ARGV[1], ARGV[4]) end
  redis.call('HDEL', KEYS[1], 'acknowledged')
end
return 'done'
