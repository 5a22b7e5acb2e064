-- Takes a ticket's request back: a job that waits is dropped, one that was taken is asked to stop.
-- ARGV: 1 ticket, 2 cause, 3 by whom or '', 4 only a job that was asked for like this, or '' for any,
--       5 'outlives' when a withdrawal of a taken job is remembered, else '', 6 most withdrawals remembered,
--       7 why, in words
-- Returns { 'nothing' | 'kept' | 'stopping' }, { 'over', verdict } or { 'dropped', pipeline, run id, asked by }

-- Remembers the withdrawal; beyond the most, the oldest goes.
local function remember(ticket)
  call('HSET', WITHDRAWN, ticket, text(NOW) .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
  if call('HLEN', WITHDRAWN) > tonumber(ARGV[6]) then
    local all, oldest, since = call('HGETALL', WITHDRAWN), nil, nil
    for index = 1, #all, 2 do
      local at = tonumber(string.match(all[index + 1], '^%d+')) or 0
      if not since or at < since then
        oldest, since = all[index], at
      end
    end
    call('HDEL', WITHDRAWN, oldest)
  end
end

local ticket = ARGV[1]
local state = call('HGET', JOBS, ticket)
-- One that cannot be read is set aside by whoever takes it.
local job = read_job(ticket)
if not job or (state ~= 'claiming' and state ~= 'queued' and state ~= 'running') then
  return { 'nothing' }
end
if job[6] ~= '' then
  return { 'over', job[6] }
end
if ARGV[4] ~= '' and job[3] ~= ARGV[4] then
  return { 'kept' }
end
-- One that was asked to stop and is queued again has run: its next consumer says so.
if state == 'running' or job[8] ~= '' then
  if call('HSETNX', job_key(ticket), 'stop', ARGV[2]) == 1 then
    call('HSET', job_key(ticket), 'stop_by', ARGV[3])
  end
  if ARGV[5] ~= '' then
    remember(ticket)
  end
  -- pcall: an ACL that forbids the channel must not break the script. A lost message costs one heartbeat.
  redis.pcall('PUBLISH', 'agentsmith:announce:stops', ticket)
  return { 'stopping' }
end
if state == 'queued' then
  local project = project_of(ticket)
  call('LREM', project_key(project), 0, ticket)
  if call('EXISTS', project_key(project)) == 0 then
    call('LREM', RING, 0, project)
  end
end
forget(ticket)
remember(ticket)
end_run(job[2], 'cancelled', ARGV[7])
return { 'dropped', job[1], job[2], job[3] }
