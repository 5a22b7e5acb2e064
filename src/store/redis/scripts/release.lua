-- Puts the job back into its project's queue.
-- ARGV: see fence.lua; 13 'handed-back' | 'broken', 14 delay in milliseconds, 15 'front' | 'back'
-- Returns { hold, generation }
if HOLD ~= 'lost' then
  if ARGV[13] == 'handed-back' then
    local attempt = tonumber(call('HGET', JOB, 'attempt')) or 1
    call('HSET', JOB, 'attempt', text(math.max(0, attempt - 1)))
  end
  end_lease(TICKET, NOW)
  local delay = tonumber(ARGV[14])
  -- The next consumer only says that it was cancelled.
  if ARGV[13] == 'broken' and call('HEXISTS', JOB, 'stop') == 1 then
    delay = 0
  end
  if delay > 0 then
    call('HSET', JOBS, TICKET, 'queued')
    call('ZADD', DELAYED, text(NOW + delay), TICKET)
  else
    enqueue(TICKET, ARGV[15])
  end
  -- Also for a delayed job: those who wait must learn when it is due.
  announce(TICKET)
end
return { HOLD, GENERATION_NOW }
