-- Tells how a ticket's last run ended.
-- ARGV: 1 ticket
-- Returns { milliseconds since, '<verdict> <run id> <pipeline>' }, or {} when nothing is remembered
local last = call('GET', last_key(ARGV[1]))
local at, rest = string.match(last or '', '^(%d+) (.*)$')
if not at then
  return {}
end
return { text(math.max(0, NOW - tonumber(at))), rest }
