-- Ends the job. How it ended is remembered for a while.
-- ARGV: see fence.lua; 13 milliseconds for which the result is remembered
-- Returns { hold, generation }
if HOLD ~= 'lost' then
  local ended = call('HMGET', JOB, 'verdict', 'run_id', 'pipeline')
  if ended[1] then
    local last = text(NOW) .. ' ' .. ended[1] .. ' ' .. (ended[2] or '') .. ' ' .. (ended[3] or '')
    call('SET', last_key(TICKET), last, 'PX', ARGV[13])
  end
  end_run(ended[2] or '', ended[1] or 'dropped', '')
  forget(TICKET)
end
return { HOLD, GENERATION_NOW }
