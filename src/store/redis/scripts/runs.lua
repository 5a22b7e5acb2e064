-- Tells of runs, the newest first.
-- ARGV: 1 'before' | 'only', 2 run id, or '' for the newest, 3 most runs
-- Returns { { run id, state of its live job or '', epoch, stop, stop by, field, value, ... }, ... }

local function describe(run_id)
  local fields = call('HGETALL', run_key(run_id))
  if #fields == 0 then
    return nil
  end
  local told = { run_id, '', '', '', '' }
  local ticket = call('HGET', run_key(run_id), 'ticket') or ''
  local job = redis.pcall('HMGET', job_key(ticket), 'run_id', 'epoch', 'stop', 'stop_by')
  if not job.err and job[1] == run_id then
    told = { run_id, call('HGET', JOBS, ticket) or '', job[2] or '', job[3] or '', job[4] or '' }
  end
  for _, text_of in ipairs(fields) do
    told[#told + 1] = text_of
  end
  return told
end

local found = {}
if ARGV[1] == 'only' then
  found[1] = describe(ARGV[2])
  return found
end
local most, upper = tonumber(ARGV[3]), ARGV[2] == '' and '+' or '(' .. ARGV[2]
-- More than once only when records have expired on the list.
for _ = 1, BATCH do
  local page = call('ZREVRANGEBYLEX', RUNS, upper, '-', 'LIMIT', 0, most - #found)
  for _, run_id in ipairs(page) do
    found[#found + 1] = describe(run_id)
    if call('EXISTS', run_key(run_id)) == 0 then
      forget_run(run_id)
    end
    upper = '(' .. run_id
  end
  if #page == 0 or #found >= most then
    break
  end
end
return found
