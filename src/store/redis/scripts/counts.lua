-- ARGV: none
-- Returns { live, claiming, running, set aside }
return { call('HLEN', JOBS), call('ZCARD', CLAIMING), call('ZCARD', RUNNING), call('LLEN', SET_ASIDE) }
