-- Reads the states of orders. KEYS: open, asking, then orders. ARGV: their ids.
-- Returns JSON: per order { account, nextPollAt, phase, hints, hintsSeen, hintAt, score in open, score in asking } with false
-- for missing values, or the error of reading its record.
local states = {}
for i, orderId in ipairs(ARGV) do
  local state = redis.pcall('HMGET', KEYS[2 + i], 'account', 'nextPollAt', 'phase', 'hints', 'hintsSeen', 'hintAt')
  if state.err then
    states[i] = state.err
  else
    -- A key of another type lists no order; the sweeper's scan reports it.
    for nth = 1, 2 do
      local score = redis.pcall('ZSCORE', KEYS[nth], orderId)
      state[6 + nth] = type(score) == 'string' and score
    end
    states[i] = state
  end
end
return cjson.encode(states)
