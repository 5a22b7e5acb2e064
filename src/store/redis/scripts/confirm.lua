-- Tells whether the lease still holds its job.
-- ARGV: see fence.lua
-- Returns { hold, generation }
return { HOLD, GENERATION_NOW }
