-- KEYS: 1 lease   ARGV: 1 holder, 2 milliseconds
-- Returns 1 when it was extended, 0 when it is not the holder's.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
