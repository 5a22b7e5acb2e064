-- Ends the job.
-- ARGV: see fence.lua
-- Returns { hold, generation }
if HOLD ~= 'lost' then
  forget(TICKET)
end
return { HOLD, GENERATION_NOW }
