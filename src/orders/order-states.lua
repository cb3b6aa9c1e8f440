-- Tells how orders stand. KEYS: open, asking, then orders. ARGV: their ids.
-- Returns JSON: per order { account, nextPollAt, phase, hints, hintsSeen, hintAt, score in open, score in asking }, false for
-- what is not there; or the error of reading its record.
local standings = {}
for i, orderId in ipairs(ARGV) do
  local standing = redis.pcall('HMGET', KEYS[2 + i], 'account', 'nextPollAt', 'phase', 'hints', 'hintsSeen', 'hintAt')
  if standing.err then
    standings[i] = standing.err
  else
    -- A list that is none holds no order: the sweeper's walk over it says so.
    for nth = 1, 2 do
      local score = redis.pcall('ZSCORE', KEYS[nth], orderId)
      standing[6 + nth] = type(score) == 'string' and score
    end
    standings[i] = standing
  end
end
return cjson.encode(standings)
