-- Put before every script that acts on a lease. Finds out whether the lease still holds its job.
--
-- ARGV, the same for every such script:
--   1 ticket   2 epoch   3 generation the lease knows   4 candidate for the generation
--   5 milliseconds that the lease has left by its holder's clock
--   6 pipeline   7 run id   8 asked by   9 attempt   10 consumer   11 verdict or ''   12 comment or ''
-- What the script itself needs follows from 13 on. Every reply begins with
--   { 'held' | 'restored' | 'lost', generation, ... }
--
-- restored: the data were lost since the take. The job is registered again with its epoch, but only while the lease
-- lasts by its holder's own clock: until then nobody can have been given the ticket on the ground of our silence.

local TICKET = ARGV[1]
local JOB = job_key(TICKET)
local GENERATION_NOW = generation(ARGV[4])

local function hold()
  local state = call('HGET', JOBS, TICKET)
  if state then
    return state == 'running' and call('HGET', JOB, 'epoch') == ARGV[2] and 'held' or 'lost'
  end
  if GENERATION_NOW == ARGV[3] or tonumber(ARGV[5]) <= 0 then
    return 'lost'
  end
  call('DEL', JOB)
  call('HSET', JOB, 'pipeline', ARGV[6], 'run_id', ARGV[7], 'asked_by', ARGV[8], 'attempt', ARGV[9],
    'epoch', ARGV[2], 'consumer', ARGV[10], 'recorded_at', text(NOW), 'taken_at', text(NOW))
  if ARGV[11] ~= '' then
    call('HSET', JOB, 'verdict', ARGV[11], 'comment', ARGV[12])
  end
  call('HSET', JOBS, TICKET, 'running')
  call('ZADD', RUNNING, text(NOW + tonumber(ARGV[5])), TICKET)
  if tonumber(ARGV[2]) > (tonumber(call('GET', EPOCH)) or 0) then
    call('SET', EPOCH, ARGV[2])
  end
  return 'restored'
end

local HOLD = hold()
