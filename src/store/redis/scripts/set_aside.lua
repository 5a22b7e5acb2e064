-- Sets a job aside that a script could read and its caller could not.
-- ARGV: 1 ticket, 2 epoch of the take, or '' for a job that was never taken, 3 reason
-- Returns 1, or 0 when somebody else has the job.
if (call('HGET', job_key(ARGV[1]), 'epoch') or '') ~= ARGV[2] then
  return 0
end
set_aside(ARGV[1], ARGV[3])
return 1
