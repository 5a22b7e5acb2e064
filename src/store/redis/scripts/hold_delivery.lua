-- KEYS: 1 delivery   ARGV: 1 `held <holder>`, 2 milliseconds
-- Returns '' when the delivery is the holder's for so long, else what its key holds: `held <other>` or `answered <text>`.
local value = redis.call('GET', KEYS[1])
if value and value ~= ARGV[1] then
  return value
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ''
