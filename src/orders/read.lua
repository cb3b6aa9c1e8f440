-- Reads records. KEYS: orders.
-- Returns JSON, which costs clients much less to read than as many strings: per order its fields and values in turn, or
-- the error of reading it.
local records = {}
for i, key in ipairs(KEYS) do
  local fields = redis.pcall('HGETALL', key)
  records[i] = fields.err or fields
end
return cjson.encode(records)
