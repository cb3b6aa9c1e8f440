-- Reads some fields of records. KEYS: orders. ARGV: names of the fields.
-- Returns JSON: per order the values, false for missing ones; an empty list for a record that cannot be read.
local records = {}
for i, key in ipairs(KEYS) do
  local values = redis.pcall('HMGET', key, unpack(ARGV))
  records[i] = values.err and {} or values
end
return cjson.encode(records)
