-- Adds an entry to the log of revocations, and drops entries that can be forgotten.
-- KEYS: the log by number, the log by end, the last number. ARGV: now, entry, its end, the most entries, a year.
-- Numbers are microseconds of the server's clock, and always higher than the last one, so that they go on rising even
-- if the last number should be lost.
local now = tonumber(ARGV[1])
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 500)
if #gone > 0 then
    redis.call('ZREM', KEYS[1], unpack(gone))
    redis.call('ZREM', KEYS[2], unpack(gone))
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) and not redis.call('ZSCORE', KEYS[1], ARGV[2]) then
    return 0
end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[3]) or '0')
local number = string.format('%.0f', math.max(last + 1, tonumber(time[1]) * 1000000 + tonumber(time[2])))
redis.call('ZADD', KEYS[1], number, ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
local longest = tonumber(redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2])
local ttl = string.format('%.0f', math.min(longest - now + 60000, tonumber(ARGV[5])))
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call('SET', KEYS[3], number, 'PX', ARGV[5])
return 1
