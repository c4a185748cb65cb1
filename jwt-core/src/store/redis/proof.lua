-- Remembers a used proof: a field of the hash of its key, with the moment until which it counts and the attempt.
-- KEYS: the hash. ARGV: now, id, until, attempt, limit, time to live; moments and times in milliseconds.
-- 1 for the first use, 0 for another one, -1 where the key has as many as it may.
local now, id = tonumber(ARGV[1]), ARGV[2]
local attempt, limit = ARGV[4], tonumber(ARGV[5])
local function is_live(entry)
    return tonumber(string.match(entry, '^%d+')) >= now
end
local known = redis.call('HGET', KEYS[1], id)
if known and is_live(known) then
    return string.match(known, ' (.*)$') == attempt and 1 or 0
end
if limit == 0 then return -1 end
if not known and redis.call('HLEN', KEYS[1]) >= limit then
    local entries, gone = redis.call('HGETALL', KEYS[1]), {}
    for at = 1, #entries, 2 do
        if not is_live(entries[at + 1]) then
            gone[#gone + 1] = entries[at]
        end
    end
    -- Not more arguments than a call may have.
    for first = 1, #gone, 1000 do
        redis.call('HDEL', KEYS[1], unpack(gone, first, math.min(first + 999, #gone)))
    end
    if #entries / 2 - #gone >= limit then
        return -1
    end
end
redis.call('HSET', KEYS[1], id, ARGV[3] .. ' ' .. attempt)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[6]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[6])
end
return 1
