-- Tells how orders stand. KEYS: open, asking, then orders. ARGV: their ids.
-- Returns JSON: per order { account, nextPollAt, phase, hints, hintsSeen, hintAt, score in open, score in asking }, false for
-- what is not there.
local standings = {}
for i, orderId in ipairs(ARGV) do
  local standing = redis.call('HMGET', KEYS[2 + i], 'account', 'nextPollAt', 'phase', 'hints', 'hintsSeen', 'hintAt')
  standing[7] = redis.call('ZSCORE', KEYS[1], orderId)
  standing[8] = redis.call('ZSCORE', KEYS[2], orderId)
  standings[i] = standing
end
return cjson.encode(standings)
