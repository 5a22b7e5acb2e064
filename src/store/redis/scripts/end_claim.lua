-- Makes a recorded claim visible to consumers, or forgets it.
-- ARGV: 1 ticket, 2 run id, 3 'publish' | 'drop'
-- Returns 1, or 0 when this run has no claim that waits to become visible.
local ticket = ARGV[1]
if call('HGET', JOBS, ticket) ~= 'claiming' or call('HGET', job_key(ticket), 'run_id') ~= ARGV[2] then
  return 0
end
if ARGV[3] == 'publish' then
  call('ZREM', CLAIMING, ticket)
  enqueue(ticket, 'back')
  announce(ticket)
else
  forget(ticket)
  forget_run(ARGV[2])
end
return 1
