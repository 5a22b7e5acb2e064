-- Put before every script of the queue: the keys, the clock, and the moves that several scripts share.
--
-- KEYS, the same for every queue script (they share one slot, see keys.rs):
--   1 live jobs   2 ring of projects   3 claiming   4 running   5 delayed   6 set aside   7 epoch   8 generation
--   9 withdrawn   10 records of runs   11 those that ended   12 that somebody waits because of a limit
-- The keys of one job and of one project are derived from KEYS[1], because take learns their names only inside the
-- script; the hash tag keeps them in the slot of KEYS[1].
--
-- Numbers leave a script as text: a Lua number loses digits after the fourteenth on its way out.

local JOBS, RING, CLAIMING, RUNNING = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local DELAYED, SET_ASIDE, EPOCH, GENERATION, WITHDRAWN = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local RUNS, ENDED_RUNS, HELD_BACK = KEYS[10], KEYS[11], KEYS[12]

-- The newest entries that were set aside; more than a person will read, less than Redis will notice.
local SET_ASIDE_KEPT = 1000
-- Bytes kept of a job that was set aside: enough to recognise it.
local SET_ASIDE_BYTES = 2000
-- Delayed jobs made visible in one go, and unreadable entries skipped in one go: one script stays well below 10 ms.
local BATCH = 100

-- Runs that are over and remembered, and for how many milliseconds: the numbers of limits.rs.
local RUNS_KEPT = 1000
local RUNS_REMEMBERED = 30 * 24 * 3600 * 1000

local call = redis.call
local time = call('TIME')
-- Microseconds since 1970 stay below 2^53 until the year 2255, so they are exact.
local NOW_MICROS = tonumber(time[1]) * 1000000 + tonumber(time[2])
local NOW = math.floor(NOW_MICROS / 1000)

local function text(number)
  return string.format('%.0f', number)
end

local function job_key(ticket)
  return '{' .. JOBS .. '}:job:' .. ticket
end

local function project_key(project)
  return '{' .. JOBS .. '}:project:' .. project
end

-- Only the project may contain colons.
local function project_of(ticket)
  return string.match(ticket, '^[^:]*:(.*):[^:]*$') or ''
end

-- The record of how a ticket's last run ended.
local function last_key(ticket)
  return '{' .. JOBS .. '}:last:' .. ticket
end

-- The record of a run.
local function run_key(run_id)
  return '{' .. JOBS .. '}:run:' .. run_id
end

-- The attempts that were begun for a ticket: run and number of the attempt by time.
local function attempts_key(counted_for)
  return '{' .. JOBS .. '}:attempts:' .. counted_for
end

local function forget_run(run_id)
  call('DEL', run_key(run_id))
  call('ZREM', RUNS, run_id)
  call('ZREM', ENDED_RUNS, run_id)
end

-- Keeps the record of a run for its time from now. All have the same score, so that they are in the order of their ids,
-- which rise with time.
local function keep_run(run_id)
  call('PEXPIRE', run_key(run_id), text(RUNS_REMEMBERED))
  call('ZADD', RUNS, 0, run_id)
  call('PEXPIRE', RUNS, text(RUNS_REMEMBERED))
end

-- The run is over. What is beyond the bounds is forgotten.
local function end_run(run_id, state, reason)
  if call('EXISTS', run_key(run_id)) == 0 then
    return
  end
  call('HSET', run_key(run_id), 'state', state, 'reason', reason, 'ended_at', text(NOW))
  keep_run(run_id)
  call('ZADD', ENDED_RUNS, text(NOW), run_id)
  call('PEXPIRE', ENDED_RUNS, text(RUNS_REMEMBERED))
  local beyond = math.min(call('ZCARD', ENDED_RUNS) - RUNS_KEPT, BATCH)
  if beyond > 0 then
    for _, old in ipairs(call('ZRANGE', ENDED_RUNS, 0, beyond - 1)) do
      forget_run(old)
    end
  end
  for _, old in ipairs(call('ZRANGEBYSCORE', ENDED_RUNS, '-inf', text(NOW - RUNS_REMEMBERED), 'LIMIT', 0, BATCH)) do
    forget_run(old)
  end
end

-- The generation of the data, begun now if the data are new. candidate: some random text.
local function generation(candidate)
  local known = call('GET', GENERATION)
  if not known then
    known = text(NOW) .. '-' .. candidate
    call('SET', GENERATION, known)
  end
  return known
end

-- A number that no take had before, also when the data were lost: the clock is ahead of every epoch it gave out.
local function next_epoch()
  local epoch = math.max((tonumber(call('GET', EPOCH)) or 0) + 1, NOW_MICROS)
  call('SET', EPOCH, text(epoch))
  return text(epoch)
end

-- pcall: an ACL that forbids the channel must not break a script half way. A lost message costs the bound of a wait.
local function announce(ticket)
  redis.pcall('PUBLISH', 'agentsmith:announce:jobs', ticket)
end

-- True when no step of the job runs any more: it has a result, or was asked to stop, and only that is left to show.
local function is_over(ticket)
  local ends = redis.pcall('HMGET', job_key(ticket), 'verdict', 'stop')
  return not ends.err and (ends[1] or ends[2]) and true or false
end

-- Makes a job visible. end_of_queue: 'front' or 'back'. One that is over goes to the front: it is done in a moment.
local function enqueue(ticket, end_of_queue)
  local project = project_of(ticket)
  local push = (end_of_queue == 'front' or is_over(ticket)) and 'LPUSH' or 'RPUSH'
  if call(push, project_key(project), ticket) == 1 then
    call('RPUSH', RING, project)
  end
  call('HSET', JOBS, ticket, 'queued')
end

-- Takes every trace of a job away. Where somebody waits because of a limit there may be room now.
local function forget(ticket)
  call('HDEL', JOBS, ticket)
  call('ZREM', CLAIMING, ticket)
  call('ZREM', RUNNING, ticket)
  call('ZREM', DELAYED, ticket)
  call('DEL', job_key(ticket))
  if call('DEL', HELD_BACK) == 1 then
    announce(ticket)
  end
end

-- Nobody holds the job any more. What its steps took until then counts for the run, if they had begun.
local function end_lease(ticket, ended)
  local begun = tonumber(call('HGET', job_key(ticket), 'begun_at'))
  if begun then
    call('HINCRBY', job_key(ticket), 'spent', text(math.max(0, ended - begun)))
  end
  call('HDEL', job_key(ticket), 'consumer', 'taken_at', 'take', 'begun_at')
  call('ZREM', RUNNING, ticket)
end

-- Keeps an unreadable entry for a person to look at. Returns what to log.
local function note_set_aside(ticket, reason)
  local fields = redis.pcall('HGETALL', job_key(ticket))
  local held = fields.err or table.concat(fields, ' ')
  call('LPUSH', SET_ASIDE, text(NOW) .. ' ' .. ticket .. ' ' .. reason .. ' [' .. string.sub(held, 1, SET_ASIDE_BYTES) .. ']')
  call('LTRIM', SET_ASIDE, 0, SET_ASIDE_KEPT - 1)
  return ticket .. ' ' .. reason
end

local function set_aside(ticket, reason)
  local note = note_set_aside(ticket, reason)
  forget(ticket)
  return note
end

-- The fields of a job: pipeline, run_id, asked_by, attempt, consumer, verdict, comment, stop, stop_by; absent ones are
-- ''.
-- nil and a reason when the job cannot be read.
local function read_job(ticket)
  local fields = redis.pcall('HMGET', job_key(ticket), 'pipeline', 'run_id', 'asked_by', 'attempt', 'consumer', 'verdict', 'comment',
    'stop', 'stop_by')
  if fields.err then
    return nil, 'its job is not a hash'
  end
  for index, name in ipairs({ 'pipeline', 'run_id', 'asked_by', 'attempt' }) do
    if not fields[index] then
      return nil, 'its job has no ' .. name
    end
  end
  if not tonumber(fields[4]) then
    return nil, 'its attempt is not a number'
  end
  for index = 5, 9 do
    fields[index] = fields[index] or ''
  end
  return fields
end

-- The pipeline of a job; '' when it cannot be read.
local function pipeline_of(ticket)
  local pipeline = redis.pcall('HGET', job_key(ticket), 'pipeline')
  return type(pipeline) == 'string' and pipeline or ''
end

-- Runs by project, and by pipeline if that is asked for. A lease that lapsed counts until it is recovered.
local function count_running(by_pipeline)
  local of_project, of_pipeline = {}, {}
  for _, ticket in ipairs(call('ZRANGE', RUNNING, 0, -1)) do
    local project = project_of(ticket)
    of_project[project] = (of_project[project] or 0) + 1
    if by_pipeline then
      local pipeline = pipeline_of(ticket)
      of_pipeline[pipeline] = (of_pipeline[pipeline] or 0) + 1
    end
  end
  return of_project, of_pipeline
end

-- Makes delayed jobs that are due visible. Returns how many.
local function promote_due()
  local due = call('ZRANGEBYSCORE', DELAYED, '-inf', text(NOW), 'LIMIT', 0, BATCH)
  for _, ticket in ipairs(due) do
    call('ZREM', DELAYED, ticket)
    if call('HGET', JOBS, ticket) == 'queued' then
      enqueue(ticket, 'back')
    end
  end
  return #due
end
