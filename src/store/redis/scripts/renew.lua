-- Extends the lease.
-- ARGV: see fence.lua; 13 lease in milliseconds
-- Returns { hold, generation, stop, stop by }, the last two '' unless a stop was asked for
local stop = {}
if HOLD ~= 'lost' then
  call('ZADD', RUNNING, text(NOW + tonumber(ARGV[13])), TICKET)
  stop = call('HMGET', JOB, 'stop', 'stop_by')
end
return { HOLD, GENERATION_NOW, stop[1] or '', stop[2] or '' }
