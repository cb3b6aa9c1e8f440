-- Adds jobs to a BullMQ queue, each unless it exists: waiting, held by a worker, done or failed.
-- Does to BullMQ's keys what its script addDelayedJob (6.7) does for a job with an id of its own and without parent or
-- deduplication, for many jobs in one call, with these differences: no entries in the events stream, which nobody reads;
-- the counter of automatic ids counts the orders that were added, by which the rate of their arrival is measured; no options where they are the queue's own, and no priority where it is 0, so that a
-- job stays in Redis' compact form; jobs due in the same millisecond share a score; jobs that are due at once are delayed
-- ones too; waiting workers are notified only of what changes when they have to look again.
-- KEYS: delayed, marker.
-- ARGV: key prefix, now, per job { id, name, data, timestamp, delay in ms, options ('' = the queue's) } as one JSON list, which
--   costs client and Redis less than as many arguments.
-- Returns how many jobs were new.
local call = redis.call
local delayed, marker = KEYS[1], KEYS[2]
local prefix, now = ARGV[1], tonumber(ARGV[2])

local function add()
  local new, jobs, seen, soonest, orders = {}, {}, {}, math.huge, 0
  for _, given in ipairs(cjson.decode(ARGV[3])) do
    local id, name, data, timestamp, delay, opts = unpack(given)
    local job = prefix .. id
    if not seen[job] and call('EXISTS', job) == 0 then
      seen[job] = true
      local fields = { 'name', name, 'data', data, 'timestamp', timestamp, 'delay', delay }
      if opts ~= '' then fields[9], fields[10] = 'opts', opts end
      jobs[#jobs + 1] = { job, fields }
      local at = timestamp + delay
      soonest = math.min(soonest, at)
      -- Not those that only promote another job.
      if string.sub(id, 1, 2) == 'o~' then orders = orders + 1 end
      -- BullMQ's scores: the due time, and twelve bits for the order within a millisecond.
      new[#new + 1] = at * 4096
      new[#new + 1] = id
    end
  end
  if #new == 0 then return 0 end
  local head = tonumber(call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2])
  -- Listed first: workers drop a name without a job, but a job in no list would block its own id.
  call('ZADD', delayed, unpack(new))
  for _, each in ipairs(jobs) do call('HSET', each[1], unpack(each[2])) end
  -- What stands broken in its place is no reason to refuse an order.
  if orders > 0 then redis.pcall('INCRBY', prefix .. 'id', orders) end
  if soonest <= now or not head or soonest * 4096 < head then call('ZADD', marker, soonest, '1') end
  return #new / 2
end

-- What Redis refuses (it is full, or a replica) is the error of the script in the words of Redis: clients act on its first word.
local isDone, reply = pcall(add)
if isDone then return reply end
return redis.error_reply(type(reply) == 'table' and reply.err or tostring(reply))
