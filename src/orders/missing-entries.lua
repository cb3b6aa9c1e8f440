-- Finds index entries that are missing. KEYS: the sorted set of each entry. ARGV: their members.
-- Returns the places of the missing ones among them, counted from 1.
local missing = {}
for i, key in ipairs(KEYS) do
  -- A key of another type holds no entries.
  local score = redis.pcall('ZSCORE', key, ARGV[i])
  if type(score) ~= 'string' then missing[#missing + 1] = i end
end
return missing
