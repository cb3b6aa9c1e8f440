-- Takes over results that were handed out and left: by a consumer that died, or by a handler that threw.
-- KEYS: results. ARGV: group, consumer, retry after ms, longest retry ms, at most so many, the stream id to begin behind ('-' =
-- with the first), then the stream ids that the caller has in hand: it may have been frozen for long, and is at them all the
-- same. A result comes again after the retry time, doubled with every try. Looks at 5,000 results at most, so that nobody
-- waits long for Redis.
-- Returns {{streamId, fields, tries} of each, where to go on ('-' = all have been looked at)}.
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
        -- Removed from the stream: there is nothing left to handle.
        redis.call('XACK', KEYS[1], ARGV[1], id)
      end
      if #taken >= count then return { taken, from } end
    end
  end
  if #pending < 100 then return { taken, '-' } end
end
return { taken, from }
