-- Tells which jobs wait visibly. What cannot be read is left out here; take sets it aside.
-- ARGV: 1 jobs of each project, 2 jobs in all
-- Returns { { project, how many wait, { { jobs before it, ticket, pipeline, run id, asked by } ... } } ... }, the next
--   project of the ring first
local of_each, left = tonumber(ARGV[1]), tonumber(ARGV[2])
local lines = {}
for _, project in ipairs(call('LRANGE', RING, 0, left - 1)) do
  local most = math.min(of_each, left)
  if most <= 0 then
    break
  end
  local first = {}
  for place, ticket in ipairs(call('LRANGE', project_key(project), 0, most - 1)) do
    local job = read_job(ticket)
    if job then
      first[#first + 1] = { text(place - 1), ticket, job[1], job[2], job[3] }
    end
  end
  left = left - #first
  lines[#lines + 1] = { project, text(call('LLEN', project_key(project))), first }
end
return lines
