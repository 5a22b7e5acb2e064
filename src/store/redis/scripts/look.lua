-- Tells where a ticket's job stands.
-- ARGV: 1 ticket
-- Returns {} without a readable one, else { state, milliseconds since it was claimed or taken, jobs before it or '',
--   pipeline, run id, asked by, attempt, consumer, stop, stop by }
local ticket = ARGV[1]
local state = call('HGET', JOBS, ticket)
local job = read_job(ticket)
if not job or not state then
  return {}
end
local times = call('HMGET', job_key(ticket), 'recorded_at', 'taken_at')
local since = tonumber(state == 'running' and times[2] or times[1]) or NOW
local project = string.match(ticket, '^[^:]*:(.*):[^:]*$') or ''
local ahead = state == 'queued' and call('LPOS', project_key(project), ticket)
return { state, text(math.max(0, NOW - since)), ahead and text(ahead) or '', job[1], job[2], job[3], job[4], job[5],
  job[8], job[9] }
