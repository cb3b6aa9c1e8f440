-- One turn of a poll worker on its queue: jobs that wait again are delayed, done ones removed, free slots get the next.
-- Does to BullMQ's keys what its scripts moveToDelayed, moveToFinished (of a job without parents that is not kept) and
-- moveToActive (6.7) do, for many jobs in one call, with these differences: no entries in the events stream, which nobody
-- reads; no note of when a job was begun (a seventh of its memory); jobs that are due go straight from the delayed ones to a
-- worker; the list of waiting jobs (promoted by a hint, or tried again) and the due ones take turns, so that neither waits
-- for all of the other; where more are due than may start, those start that count as due first (see `mostUrgent`); jobs that only promote another one do not count against the rate, nor do those among the prioritized
-- (promote-answer.lua), which only take in what was pushed to us: they come first, also while the rate is used up.
-- KEYS: wait, active, prioritized, delayed, stalled, limiter, meta, pc, marker.
-- ARGV: key prefix, now, life of a lock in ms, starts per window (0 = no limit), window in ms, '1' to read job options,
--   the worker's token, jobs that it wants, then of each job that it lets go: id, due time ('' = done), how many seconds
--   later it counts as due where polls are scarce (0 to 4095).
-- Returns, as JSON, which costs clients much less to read than as many strings:
--   { a code per job let go: 0 or BullMQ's error code },
--   { job id, data, opts ('' unless wanted), starts, attempts, 1 (asks nobody) or 0, ... },
--   ms until the limiter lets more start, due time of the next delayed job (0: none, or the queue is paused).
local call = redis.call
local wait, active, prioritized, delayed, stalled, limiter, meta, pc, marker = unpack(KEYS)
local prefix, now, lockMs, token, wanted = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[7], tonumber(ARGV[8])
local firstGone = 9

local function head() return tonumber(call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]) end

local headBefore, codes, gone, done, again = head(), {}, {}, {}, {}

local function letGo(id, at, patience, owner)
  local job = prefix .. id
  if owner ~= token then return call('EXISTS', job) == 0 and -1 or owner and -6 or -2 end
  gone[#gone + 1] = id
  done[#done + 1] = job .. ':lock'
  if call('LREM', active, -1, id) < 1 then return -3 end
  if at == '' then
    done[#done + 1] = job
    done[#done + 1] = job .. ':logs'
    return 0
  end
  at = math.max(tonumber(at), now)
  -- The field has been there since the job was added: a new one means that somebody deleted the job.
  local isNew = redis.pcall('HSET', job, 'delay', at - now)
  -- Somebody put something else in the job's place: it is gone like a deleted one.
  if type(isNew) == 'table' then return -1 end
  if isNew == 1 and call('HLEN', job) == 1 then
    done[#done + 1] = job
    return -1
  end
  -- BullMQ's scores: the due time, and twelve bits for the order within a millisecond, which hold the patience here.
  again[#again + 1] = at * 4096 + tonumber(patience)
  again[#again + 1] = id
  return 0
end

if #ARGV >= firstGone then
  local locks = {}
  for i = firstGone, #ARGV, 3 do locks[#locks + 1] = prefix .. ARGV[i] .. ':lock' end
  for nth, owner in ipairs(call('MGET', unpack(locks))) do
    local first = firstGone + 3 * (nth - 1)
    codes[nth] = letGo(ARGV[first], ARGV[first + 1], ARGV[first + 2], owner)
  end
end
if #gone > 0 then
  call('DEL', unpack(done))
  call('SREM', stalled, unpack(gone))
  if #again > 0 then call('ZADD', delayed, unpack(again)) end
end

local known = call('HMGET', meta, 'paused', 'concurrency', 'max', 'duration')
local room = wanted
if known[2] then room = math.min(room, tonumber(known[2]) - call('LLEN', active)) end
if known[1] then room = 0 end
local isClosed = room <= 0 and wanted > 0
local most, limitedMs, left = tonumber(known[3] or ARGV[4]), 0, math.huge
if most > 0 then
  left = most - tonumber(call('GET', limiter) or 0)
  if left <= 0 then
    limitedMs = call('PTTL', limiter)
    if limitedMs <= 0 or limitedMs > tonumber(known[4] or ARGV[5]) then
      -- The window ends in this millisecond, or Redis' clock was set back in it.
      call('DEL', limiter)
      left, limitedMs = most, 0
    end
  end
end

-- The due jobs to choose from, when more are due than `most`: those that count as due first come first. Looks at the
-- earliest ones, so that none is passed over for ever, at the latest, among which most of the valuable ones are (the earlier of
-- these have been started), and at some in between, others each time: so also the valuable ones are found that a long backlog
-- has left behind there. What it costs does not grow with the number of due jobs. Where the rate limit lets few start, there is
-- time to look at many; where only free slots are few, this runs for every few jobs, and has to be cheap.
local function mostUrgent(most, isLimited)
  local last, ids, ranks = (now + 1) * 4096 - 1, {}, {}
  local window = math.min(math.max(most, isLimited and 300 or 10), 600)
  local first = isLimited and window or math.ceil(window / 2)
  local size = call('ZCOUNT', delayed, 0, last)
  local between = size - first - window
  local function look(from, upTo)
    local part = call('ZRANGE', delayed, from, upTo, 'WITHSCORES')
    for i = 1, #part, 2 do
      local nth, score = #ids + 1, tonumber(part[i + 1])
      ids[nth] = part[i]
      local patience = score % 4096
      -- One number, which sorts faster than a comparison of two: when it counts as due, and its place.
      ranks[nth] = ((score - patience) / 4096 + 1000 * patience) * 2048 + nth
    end
  end
  if between <= window then
    look(0, size - 1)
  else
    look(0, first - 1)
    if isLimited or now % 4 == 0 then
      -- Any of their pages: multiples of the golden ratio spread evenly, however far apart the calls are.
      local at = first + math.floor(now * 0.6180339887 % 1 * (between - window))
      look(at, at + window - 1)
    end
    look(size - window, size - 1)
  end
  table.sort(ranks)
  local sorted = {}
  for nth = 1, #ranks do sorted[nth] = ids[ranks[nth] % 2048] end
  return sorted
end

local due, waiting, urgent, moved = {}, 0, 0, {}
if room > 0 then urgent = call('ZCARD', prioritized) end
if room > 0 and left > 0 then
  local most = math.min(room, left)
  due = call('ZRANGEBYSCORE', delayed, 0, (now + 1) * 4096 - 1, 'LIMIT', 0, most + 1)
  if #due > most then due = mostUrgent(most, left <= room) end
  waiting = call('LLEN', wait)
end

local function takeWaiting()
  if waiting > 0 then
    waiting = waiting - 1
    return call('RPOPLPUSH', wait, active)
  end
end

local function takeUrgent()
  if urgent == 0 then return end
  urgent = urgent - 1
  local id = call('ZPOPMIN', prioritized)[1]
  call('LPUSH', active, id)
  return id
end

local function takeDue()
  local id = due[#moved + 1]
  if id then moved[#moved + 1] = id end
  return id
end

local jobs, taken, started, isDuesTurn = {}, 0, 0, now % 2 == 0
while taken < room do
  local id = takeUrgent()
  local asksNobody = id and 1 or 0
  if not id then
    if started >= left then break end
    if isDuesTurn then id = takeDue() or takeWaiting() else id = takeWaiting() or takeDue() end
    isDuesTurn = not isDuesTurn
    if not id then break end
  end
  local job = prefix .. id
  -- What is of another type is no job.
  local known = redis.pcall('HMGET', job, 'data', 'ats', 'atm')
  if known[1] then
    local starts = tonumber(known[2] or 0) + 1
    call('SET', job .. ':lock', token, 'PX', lockMs)
    call('HSET', job, 'ats', starts)
    local opts = ARGV[6] == '1' and call('HGET', job, 'opts') or ''
    local at = 6 * taken
    jobs[at + 1], jobs[at + 2], jobs[at + 3], jobs[at + 4], jobs[at + 5] = id, known[1], opts, starts, known[3] or 0
    jobs[at + 6] = asksNobody
    taken = taken + 1
    if asksNobody == 0 and string.sub(id, 1, 2) ~= 'w~' then started = started + 1 end
  else
    -- A name without a job: nothing to work on. The sweeper sees to its order.
    call('LREM', active, 1, id)
    call('ZREM', delayed, id)
    if moved[#moved] == id then
      table.remove(moved)
      table.remove(due, #moved + 1)
    end
  end
end
if #moved > 0 then
  call('ZREM', delayed, unpack(moved))
  call('LPUSH', active, unpack(moved))
end

if most > 0 and started > 0 then
  if call('INCRBY', limiter, started) == started then
    call('PEXPIRE', limiter, math.floor(tonumber(known[4] or ARGV[5])))
  end
  if started >= left then limitedMs = math.max(1, call('PTTL', limiter)) end
end

local next = head()
local isDue = next and next < (now + 1) * 4096
-- There is more to do than we take now: some other worker may.
if taken > 0 and (isDue or waiting > 0 or urgent > 0) then
  call('ZADD', marker, 0, '0')
elseif next and (not headBefore or next < headBefore) then
  call('ZADD', marker, math.floor(next / 4096), '1')
end
-- A queue that is paused, or has as many active jobs as it may, is not asked again for a due time.
local nextAt = next and not isClosed and math.floor(next / 4096) or 0
-- (An empty list becomes {}, of which nothing is taken either.)
return cjson.encode({ codes, jobs, limitedMs, nextAt })
