-- ARGV: 1 candidate for the generation
-- Returns the milliseconds since the data began, as text.
local born = tonumber(string.match(generation(ARGV[1]), '^(%d+)-')) or NOW
return text(math.max(0, NOW - born))
