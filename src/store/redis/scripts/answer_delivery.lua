-- KEYS: 1 delivery   ARGV: 1 `held <holder>`, 2 `answered <text>`, 3 milliseconds
-- Returns 1 when the answer is recorded, 0 when the delivery is not the holder's any more.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
