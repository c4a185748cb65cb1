-- The sign-in whose secret counts, touched.
-- KEYS: the owner's sign-ins. ARGV: now, id, secret, when it expires if touched, how old the last use must
-- be, time to live.
local now = tonumber(ARGV[1])
local text = redis.call('HGET', KEYS[1], ARGV[2])
if not text then return false end
local record = cjson.decode(text)
if record.expires_at <= now then
    redis.call('HDEL', KEYS[1], ARGV[2])
    return false
end
if record.secret ~= ARGV[3] then return false end
if now - record.used_at < math.max(0, tonumber(ARGV[5])) then return text end
record.used_at = now
record.expires_at = math.min(tonumber(ARGV[4]), record.ends_at)
text = cjson.encode(record)
redis.call('HSET', KEYS[1], ARGV[2], text)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[6]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[6])
end
return text
