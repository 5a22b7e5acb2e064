-- Lists claims that are still not visible, oldest first. Unreadable ones are set aside.
-- ARGV: 1 recorded at least so many milliseconds ago, 2 limit
-- Returns { { ticket, pipeline, run id, asked by } ..., { what was set aside ... } }: two lists
local claims, aside = {}, {}
local tickets = call('ZRANGEBYSCORE', CLAIMING, '-inf', text(NOW - tonumber(ARGV[1])), 'LIMIT', 0, tonumber(ARGV[2]))
for _, ticket in ipairs(tickets) do
  local job, reason = read_job(ticket)
  if call('HGET', JOBS, ticket) ~= 'claiming' then
    aside[#aside + 1] = note_set_aside(ticket, 'it is not a recorded claim')
    call('ZREM', CLAIMING, ticket)
  elseif job then
    claims[#claims + 1] = { ticket, job[1], job[2], job[3] }
  else
    aside[#aside + 1] = set_aside(ticket, reason)
  end
end
return { claims, aside }
