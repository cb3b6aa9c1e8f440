-- Claims delivered results that are due for another try: their consumer died, or their handler threw.
-- KEYS: results. ARGV: group, consumer, retry delay in ms, longest retry delay in ms, limit, the stream id to start after ('-' =
-- from the first), then the stream ids that the caller is handling, which it must not claim again even if it was frozen.
-- The retry delay doubles with every try. Examines at most 5,000 results, so that it does not block Redis for long.
-- Returns {{streamId, fields, tries} of each, stream id to continue after ('-' = all were examined)}.
local retry, longest, count = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local taken, inHand = {}, {}
for i = 7, #ARGV do inHand[ARGV[i]] = true end
local from = ARGV[6]
for _ = 1, 50 do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], from == '-' and '-' or '(' .. from, '+', 100)
  for _, each in ipairs(pending) do
    local id, idle, tries = each[1], each[3], each[4]
    from = id
    if not inHand[id] and idle >= math.min(retry * 2 ^ (tries - 1), longest) then
      local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id)[1]
      if claimed then
        taken[#taken + 1] = { id, claimed[2], tries + 1 }
      else
        -- The entry was deleted from the stream: there is nothing to handle.
        redis.call('XACK', KEYS[1], ARGV[1], id)
      end
      if #taken >= count then return { taken, from } end
    end
  end
  if #pending < 100 then return { taken, '-' } end
end
return { taken, from }
