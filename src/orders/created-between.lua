-- Reads the records that were created in a period. KEYS: orders. ARGV: account ('' = any), from, to (exclusive).
-- Returns JSON: per order an array of alternating fields and values, false for one of another account or time, or the error of
-- reading it.
local from, to, found = tonumber(ARGV[2]), tonumber(ARGV[3]), {}
for i, key in ipairs(KEYS) do
  local facts = redis.pcall('HMGET', key, 'account', 'createdAt')
  local createdAt = not facts.err and tonumber(facts[2] or '')
  if facts.err then
    found[i] = facts.err
  elseif createdAt and createdAt >= from and createdAt < to and (ARGV[1] == '' or facts[1] == ARGV[1]) then
    local fields = redis.pcall('HGETALL', key)
    found[i] = fields.err or fields
  else
    found[i] = false
  end
end
return cjson.encode(found)
