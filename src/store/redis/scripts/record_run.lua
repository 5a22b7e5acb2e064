-- Writes down how far a run is.
-- ARGV: see fence.lua; 13 title, 14 url, 15 change request, each '' when not known, 16 number of the attempt, 17 the
--       attempt as JSON, 18 attempts kept, 19 when the run was claimed in milliseconds
-- Returns { hold, generation }
if HOLD ~= 'lost' then
  local run = run_key(ARGV[7])
  -- All of it, because the data may have been lost since the claim.
  call('HSET', run, 'ticket', TICKET, 'pipeline', ARGV[6], 'asked_by', ARGV[8], 'attempt:' .. ARGV[16], ARGV[17])
  call('HSETNX', run, 'queued_at', ARGV[19])
  for index, name in ipairs({ 'title', 'url', 'change_request' }) do
    if ARGV[12 + index] ~= '' then
      call('HSET', run, name, ARGV[12 + index])
    end
  end
  call('HDEL', run, 'attempt:' .. text(tonumber(ARGV[16]) - tonumber(ARGV[18])))
  keep_run(ARGV[7])
end
return { HOLD, GENERATION_NOW }
