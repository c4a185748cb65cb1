-- Adds an entry to the log of revocations, and drops entries that can be forgotten or that it replaces.
-- KEYS: the log by number, the log by end, the last number, the last entry of each subject. ARGV: now, entry, its end,
-- the most entries, a year.
-- Numbers are microseconds of the server's clock, and always higher than the last one, so that they go on rising even
-- if the last number should be lost.
local function name(subject)
    return #subject.issuer .. ':' .. subject.issuer .. subject.subject
end
local now = tonumber(ARGV[1])
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 500)
for _, text in ipairs(gone) do
    local subject = cjson.decode(text).target.subject
    if subject and redis.call('HGET', KEYS[4], name(subject)) == text then
        redis.call('HDEL', KEYS[4], name(subject))
    end
end
if #gone > 0 then
    redis.call('ZREM', KEYS[1], unpack(gone))
    redis.call('ZREM', KEYS[2], unpack(gone))
end
local entry = cjson.decode(ARGV[2])
local subject = entry.target.subject
local replaced = false
if subject then
    local text = redis.call('HGET', KEYS[4], name(subject))
    if text and text ~= ARGV[2] then
        local known = cjson.decode(text)
        if known.target.subject.not_before <= subject.not_before and known.forget_at <= entry.forget_at then
            replaced = redis.call('ZREM', KEYS[1], text) == 1
            redis.call('ZREM', KEYS[2], text)
        end
    end
end
if not replaced and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) and not redis.call('ZSCORE', KEYS[1], ARGV[2]) then
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
-- A field that says nothing keeps the key there also without subjects: while the slot of these keys moves to another node
-- of a cluster, a script with a key that is not there is refused.
redis.call('HSET', KEYS[4], '', '')
if subject then redis.call('HSET', KEYS[4], name(subject), ARGV[2]) end
redis.call('PEXPIRE', KEYS[4], ttl)
redis.call('SET', KEYS[3], number, 'PX', ARGV[5])
-- So that others need not wait for their next look. A user that may not publish goes on without.
redis.pcall('PUBLISH', KEYS[1], '')
return 1
