-- Reads some fields of many records. KEYS: orders. ARGV: field names.
-- Returns JSON, which costs clients much less to read than as many strings: per order its values (false: not there), or
-- the error of reading it.
local records = {}
for i, key in ipairs(KEYS) do
  local values = redis.pcall('HMGET', key, unpack(ARGV))
  records[i] = values.err or values
end
return cjson.encode(records)
