-- Puts jobs whose lease lapsed back to the front of their queue, and makes delayed jobs that are due visible.
-- ARGV: 1 limit
-- Returns { { ticket, attempt that broke off, consumer } ..., { what was set aside ... } }: two lists
local recovered, aside = {}, {}
local lapsed = call('ZRANGEBYSCORE', RUNNING, '-inf', text(NOW), 'LIMIT', 0, tonumber(ARGV[1]))
-- From the back, so that the lease that lapsed first ends up at the very front.
for index = #lapsed, 1, -1 do
  local ticket = lapsed[index]
  local job, reason = read_job(ticket)
  if call('HGET', JOBS, ticket) ~= 'running' then
    aside[#aside + 1] = note_set_aside(ticket, 'it is not a running job')
    call('ZREM', RUNNING, ticket)
  elseif not job then
    aside[#aside + 1] = set_aside(ticket, reason)
  else
    -- Its steps ended with the lease at the latest.
    end_lease(ticket, math.min(NOW, tonumber(call('ZSCORE', RUNNING, ticket)) or NOW))
    enqueue(ticket, 'front')
    recovered[#recovered + 1] = { ticket, job[4], job[5] }
  end
end
if #recovered + #aside + promote_due() > 0 then
  announce('')
end
return { recovered, aside }
