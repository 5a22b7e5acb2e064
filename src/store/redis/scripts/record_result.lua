-- Records the result of the run; the first one stands.
-- ARGV: see fence.lua; 13 verdict, 14 comment
-- Returns { hold, generation, verdict that stands, its comment }, the last two only when not lost
if HOLD == 'lost' then
  return { HOLD, GENERATION_NOW }
end
if call('HSETNX', JOB, 'verdict', ARGV[13]) == 1 then
  call('HSET', JOB, 'comment', ARGV[14])
end
local stands = call('HMGET', JOB, 'verdict', 'comment')
-- A run that ended all the same is over like any other.
if stands[1] ~= 'cancelled' then
  call('HDEL', WITHDRAWN, TICKET)
end
return { HOLD, GENERATION_NOW, stands[1], stands[2] or '' }
