-- Adds a sign-in to those of its owner.
-- KEYS: the owner's sign-ins. ARGV: now, id, record, how many to keep, time to live (all times in milliseconds).
local now, keep = tonumber(ARGV[1]), tonumber(ARGV[4])
local all = redis.call('HGETALL', KEYS[1])
local live = {}
for i = 1, #all, 2 do
    local record = cjson.decode(all[i + 1])
    if record.expires_at <= now then
        redis.call('HDEL', KEYS[1], all[i])
    elseif all[i] ~= ARGV[2] then
        live[#live + 1] = {id = all[i], at = record.created_at}
    end
end
table.sort(live, function(a, b) return a.at < b.at end)
for i = 1, #live + 1 - keep do
    redis.call('HDEL', KEYS[1], live[i].id)
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
