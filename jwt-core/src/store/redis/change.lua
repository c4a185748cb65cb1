-- Gives a sign-in another secret where the expected one counts, and yields it as it then is.
-- KEYS: the owner's sign-ins. ARGV: now, id, expected, secret, salt, when it expires, time to live, then data and options,
-- each of them empty where it stays.
local now = tonumber(ARGV[1])
local text = redis.call('HGET', KEYS[1], ARGV[2])
if not text then return false end
local record = cjson.decode(text)
if record.expires_at <= now then
    redis.call('HDEL', KEYS[1], ARGV[2])
    return false
end
if record.secret ~= ARGV[3] then return text end
if ARGV[4] ~= ARGV[3] then
    record.rotated = {from = ARGV[3], salt = ARGV[5], at = now}
    record.secret = ARGV[4]
end
record.used_at = now
record.expires_at = math.min(tonumber(ARGV[6]), record.ends_at)
if ARGV[8] ~= '' then record.data = ARGV[8] end
if ARGV[9] ~= '' then record.options = ARGV[9] end
text = cjson.encode(record)
redis.call('HSET', KEYS[1], ARGV[2], text)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[7]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[7])
end
return text
