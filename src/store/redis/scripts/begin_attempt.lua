-- Lets the steps of an attempt begin, if the limits do, and counts it. The time of the run goes on from here.
-- ARGV: see fence.lua; 13 what attempts are counted for, 14 most of them or '', 15 milliseconds for which one counts,
--       16 most milliseconds for the run or ''
-- Returns { hold, generation }, and unless lost: 'begun' | 'no-time' | 'none-left', milliseconds that earlier attempts
--   took, milliseconds until one more may begin
if HOLD == 'lost' then
  return { HOLD, GENERATION_NOW }
end
local counted, most, window = attempts_key(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
-- One that is handed back keeps its number, and so counts once however often it is begun.
local ATTEMPT = ARGV[7] .. ':' .. ARGV[9]

-- How long until fewer than the most are counted.
local function room_in()
  local over = call('ZCARD', counted) - most
  if over < 0 then
    return '0'
  end
  local last = call('ZRANGE', counted, over, over, 'WITHSCORES')
  return text(math.max(0, tonumber(last[2]) + window - NOW))
end

local spent = call('HGET', JOB, 'spent') or '0'
local begun = call('HEXISTS', JOB, 'begun_at') == 1
if not begun and ARGV[16] ~= '' and tonumber(spent) >= tonumber(ARGV[16]) then
  return { HOLD, GENERATION_NOW, 'no-time', spent, '0' }
end
local next_in = '0'
if most then
  call('ZREMRANGEBYSCORE', counted, '-inf', text(NOW - window))
  if not call('ZSCORE', counted, ATTEMPT) then
    if call('ZCARD', counted) >= most then
      return { HOLD, GENERATION_NOW, 'none-left', spent, room_in() }
    end
    call('ZADD', counted, text(NOW), ATTEMPT)
    call('PEXPIRE', counted, ARGV[15])
  end
  next_in = room_in()
end
call('HSETNX', JOB, 'begun_at', text(NOW))
return { HOLD, GENERATION_NOW, 'begun', spent, next_in }
