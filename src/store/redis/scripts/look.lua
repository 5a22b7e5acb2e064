-- Tells where a ticket's job stands.
-- ARGV: 1 ticket
-- Returns {} without a readable one, else { state, milliseconds since it was claimed or taken, jobs before it or '',
--   pipeline, run id, asked by, attempt, consumer, stop, stop by, runs of its project, runs of its pipeline }; the last two
--   are 0 unless it waits
local ticket = ARGV[1]
local state = call('HGET', JOBS, ticket)
local job = read_job(ticket)
if not job or not state then
  return {}
end
local times = call('HMGET', job_key(ticket), 'recorded_at', 'taken_at')
local since = tonumber(state == 'running' and times[2] or times[1]) or NOW
local project = project_of(ticket)
local ahead = state == 'queued' and call('LPOS', project_key(project), ticket)
local of_project, of_pipeline = {}, {}
if state == 'queued' then
  of_project, of_pipeline = count_running(true)
end
return { state, text(math.max(0, NOW - since)), ahead and text(ahead) or '', job[1], job[2], job[3], job[4], job[5],
  job[8], job[9], text(of_project[project] or 0), text(of_pipeline[job[1]] or 0) }
