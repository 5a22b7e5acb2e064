-- Takes the next job: the next project of the ring, the first of its queue. What that is, pop.lua or pop_within.lua says.
-- ARGV: 1 consumer, 2 lease in milliseconds, 3 candidate for the generation, 4 token of this question,
--       5 'again' when the same question was asked before and no answer came, else '', and see pop_within.lua
-- Returns { 'job', { ticket, pipeline, run id, asked by, attempt, epoch, generation, verdict, comment, stop, stop by,
--        milliseconds since it was claimed }, { set aside ... }, {} }
--      or { 'none', { milliseconds after which to ask again, or '' }, { set aside ... }, { kind and name of what is full ... } }

-- Writes the lease down. The answer to the caller.
local function lease(ticket, job, attempt, epoch, aside)
  call('HSET', job_key(ticket), 'attempt', attempt, 'epoch', epoch, 'consumer', ARGV[1], 'taken_at', text(NOW), 'take', ARGV[4])
  call('ZADD', RUNNING, text(NOW + tonumber(ARGV[2])), ticket)
  call('HSET', JOBS, ticket, 'running')
  local age = NOW - (tonumber(call('HGET', job_key(ticket), 'recorded_at')) or NOW)
  local fields = { ticket, job[1], job[2], job[3], attempt, epoch, generation(ARGV[3]), job[6], job[7], job[8], job[9],
    text(math.max(0, age)) }
  return { 'job', fields, aside, {} }
end

-- The job that this very question was given before its answer got lost. Few jobs run at a time, and few answers get lost.
local function given_before()
  for _, ticket in ipairs(call('ZRANGE', RUNNING, 0, -1)) do
    local job = read_job(ticket)
    if job and call('HGET', job_key(ticket), 'take') == ARGV[4] then
      return lease(ticket, job, job[4], call('HGET', job_key(ticket), 'epoch'), {})
    end
  end
end

if ARGV[5] == 'again' then
  local answer = given_before()
  if answer then
    return answer
  end
end
promote_due()
local aside = {}
for _ = 1, BATCH do
  local ticket, look_on_in = pop()
  if not ticket then
    local first = call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')
    local pause = first[2] and math.max(0, tonumber(first[2]) - NOW)
    if look_on_in then
      pause = math.min(pause or look_on_in, look_on_in)
    end
    return { 'none', { pause and text(pause) or '' }, aside, held_back() }
  end
  local job, reason = read_job(ticket)
  if call('HGET', JOBS, ticket) ~= 'queued' then
    -- A stray entry: the job, if there is one, is somewhere else and stays there.
    aside[#aside + 1] = note_set_aside(ticket, 'it is not a queued job')
  elseif not job then
    aside[#aside + 1] = set_aside(ticket, reason)
  else
    return lease(ticket, job, text(tonumber(job[4]) + 1), next_epoch(), aside)
  end
end
return { 'none', { '0' }, aside, held_back() }
