-- Reads records. KEYS: orders.
-- Returns JSON, which clients parse much faster than a reply of many strings: per order an array of alternating fields and
-- values, or the error of reading it.
local records = {}
for i, key in ipairs(KEYS) do
  local fields = redis.pcall('HGETALL', key)
  records[i] = fields.err or fields
end
return cjson.encode(records)
