-- Tells where jobs stand, as far as it can be seen cheaply. KEYS: delayed, then jobs. ARGV: their ids.
-- Returns per job 0 (there is none), 1 (elsewhere), or the score of its due time when it is delayed.
local places = {}
for i, id in ipairs(ARGV) do
  places[i] = redis.call('EXISTS', KEYS[1 + i]) == 0 and 0 or redis.call('ZSCORE', KEYS[1], id) or 1
end
return places
