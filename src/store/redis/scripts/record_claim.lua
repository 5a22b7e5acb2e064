-- Records a claim that is not visible yet, unless the ticket has a live job.
-- ARGV: 1 ticket, 2 pipeline, 3 run id, 4 asked by, 5 most live jobs
-- Returns { 'new' | 'full' | state of the live job, what was set aside or '' }
local ticket = ARGV[1]
local note = ''
local state = call('HGET', JOBS, ticket)
if state == 'claiming' or state == 'queued' or state == 'running' then
  return { state, note }
elseif state then
  note = set_aside(ticket, 'its state is unknown')
elseif call('HLEN', JOBS) >= tonumber(ARGV[5]) then
  return { 'full', note }
end
call('DEL', job_key(ticket))
call('HSET', job_key(ticket), 'pipeline', ARGV[2], 'run_id', ARGV[3], 'asked_by', ARGV[4], 'attempt', '0', 'recorded_at', text(NOW))
call('HSET', JOBS, ticket, 'claiming')
call('ZADD', CLAIMING, text(NOW), ticket)
call('HSET', run_key(ARGV[3]), 'ticket', ticket, 'pipeline', ARGV[2], 'asked_by', ARGV[4], 'queued_at', text(NOW))
keep_run(ARGV[3])
return { 'new', note }
