-- KEYS: 1 lease   ARGV: 1 holder, 2 milliseconds
-- Returns 1 when the holder has the lease now, else 0. A lease that it had already is extended.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 1
end
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
