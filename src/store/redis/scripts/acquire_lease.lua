-- KEYS: 1 lease   ARGV: 1 holder, 2 milliseconds
-- Returns -1 when the holder has the lease now, else the milliseconds until it expires. A lease that the holder had
-- already is extended.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return -1
end
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return -1
end
-- A lease without an end was not written by us; it is never waited for longer than a new one would last.
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  return tonumber(ARGV[2])
end
return left
