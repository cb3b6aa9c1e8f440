-- Restores a pause, or its end, that Redis has lost. KEYS: breaker. ARGV: the entry that this process saw last ('' = none).
-- Returns the entry that holds now ('' = none): the newer one of the two.
local function at(text)
  local isDone, entry = pcall(cjson.decode, text)
  return isDone and type(entry) == 'table' and tonumber(entry.at) or -1
end
local stored = redis.call('HGET', KEYS[1], 'pause') or ''
if ARGV[1] == '' or at(ARGV[1]) <= at(stored) then return stored end
redis.call('HSET', KEYS[1], 'pause', ARGV[1])
return ARGV[1]
