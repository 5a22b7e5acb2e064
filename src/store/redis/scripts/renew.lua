-- Extends the lease.
-- ARGV: see fence.lua; 13 lease in milliseconds
-- Returns { hold, generation }
if HOLD ~= 'lost' then
  call('ZADD', RUNNING, text(NOW + tonumber(ARGV[13])), TICKET)
end
return { HOLD, GENERATION_NOW }
