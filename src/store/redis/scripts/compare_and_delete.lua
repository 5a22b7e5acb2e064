-- KEYS: 1 lease, claim lock or heartbeat   ARGV: 1 the value it must have, 2 channel to tell, or ''
-- Returns 1 when it was deleted, 0 when it is gone or somebody else's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
if ARGV[2] ~= '' then
  -- pcall: an ACL that forbids the channel must not break the release.
  redis.pcall('PUBLISH', ARGV[2], KEYS[1])
end
return 1
