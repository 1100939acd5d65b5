"""The Lua scripts for answers that are kept beside a record, in a hash of the same slot.

`=<name>` of the hash is `<ms at which it was stored> <version> <A or S> <value>`, S being a step of another
name; `#n` counts what is no step, `#b` the bytes of all values. `-<name>` is what was removed from a record
that waits for its predecessor's end, and when: who has read the predecessor's answers before does not bring
it back. The hash goes by itself when its last answer has expired; what expires before stays in it until there
is no more room.
"""

from .redis_scripts import CLOCK, COMMIT_RECORD, CONFIRM, Script

_ANSWERS = (
    CLOCK
    + CONFIRM
    + """
local function parse(text)
  local since, version, kind, at = string.match(text, '^(%d+) (%d+) (%a) ()')
  return tonumber(since), tonumber(version), kind, string.sub(text, at)
end
local function find(name, now, keep)
  local text = redis.call('HGET', KEYS[2], '=' .. name)
  if not text then return false end
  local since, version, _, value = parse(text)
  if since + keep <= now then return false end
  return {'answer', value, now - since, version}
end
local function confirmed(found)
  confirm(KEYS[2])
  return found
end
local function count(text, by)
  local _, _, kind, value = parse(text)
  if kind == 'A' then redis.call('HINCRBY', KEYS[2], '#n', by) end
  redis.call('HINCRBY', KEYS[2], '#b', by * #value)
end
local function stay(keep)
  if redis.call('PTTL', KEYS[2]) < tonumber(keep) then redis.call('PEXPIRE', KEYS[2], keep) end
end
local function put(name, now, version, kind, value, keep)
  local old = redis.call('HGET', KEYS[2], '=' .. name)
  if old then count(old, -1) end
  local text = string.format('%d %d ', now, version) .. kind .. ' ' .. value
  redis.call('HSET', KEYS[2], '=' .. name, text)
  count(text, 1)
  stay(keep)
end
local function remove(name)
  local old = redis.call('HGET', KEYS[2], '=' .. name)
  if old then
    redis.call('HDEL', KEYS[2], '=' .. name) -- first, as a server whose memory is full refuses to count
    count(old, -1)
  end
end
local function sweep(now, keep)
  local first = now
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 1) == '=' then
      local since = parse(all[i + 1])
      if since + keep <= now then remove(string.sub(all[i], 2)) else first = math.min(first, since) end
    elseif string.sub(all[i], 1, 1) == '-' and all[i + 1] + keep <= now then
      redis.call('HDEL', KEYS[2], all[i])
    end
  end
  return first
end
local function fits(name, kind, size, number, bytes)
  local sums = redis.call('HMGET', KEYS[2], '#n', '#b', '=' .. name)
  local n, b = tonumber(sums[1] or 0), tonumber(sums[2] or 0)
  if sums[3] then
    local _, _, is, value = parse(sums[3])
    n, b = n - (is == 'A' and 1 or 0), b - #value
  end
  return (kind == 'S' or n < number) and b + size <= bytes
end
local function no_room(name, kind, size, now, keep, number, bytes)
  number, bytes = tonumber(number), tonumber(bytes)
  if fits(name, kind, size, number, bytes) then return false end
  local first = sweep(now, keep)
  if fits(name, kind, size, number, bytes) then return false end
  return {'no room', first + keep - now}
end
"""
)

COMMIT_ONCE = Script(
    _ANSWERS
    + COMMIT_RECORD
    + """
-- ARGV: version, idle ms or '', owner, data, '', name, A or S, answer, keep ms, number, bytes
local value = redis.call('GET', KEYS[1])
if value and string.sub(value, 1, 1) ~= 'T' then
  local at, keep = now(), tonumber(ARGV[9])
  local found = find(ARGV[6], at, keep)
  if found then return confirmed(found) end
  if string.match(value, '^[RP](%d+)') == ARGV[1] then
    local refused = no_room(ARGV[6], ARGV[7], #ARGV[8], at, keep, ARGV[10], ARGV[11])
    if refused then return refused end
    put(ARGV[6], at, ARGV[1] + 1, ARGV[7], ARGV[8], keep)
  end
end
return commit(value)
"""
)

SWAP = Script(
    _ANSWERS
    + """
-- ARGV: name, expected with = before it or '', value with = before it or '', keep ms, number, bytes
local record = redis.call('GET', KEYS[1])
if not record then return {'gone'} end
local at, keep = now(), tonumber(ARGV[4])
local found = find(ARGV[1], at, keep)
if string.sub(record, 1, 1) == 'T' then
  if found and ARGV[3] == '' and '=' .. found[2] == ARGV[2] then remove(ARGV[1]) end
  return {'gone', record}
end
if found and '=' .. found[2] ~= ARGV[2] then return confirmed(found) end
if ARGV[3] == '' then
  remove(ARGV[1])
  if string.sub(record, 1, 1) == 'P' then
    redis.call('HSET', KEYS[2], '-' .. ARGV[1], string.format('%d', at))
    stay(keep)
  end
  return {'done'}
end
local value = string.sub(ARGV[3], 2)
local refused = no_room(ARGV[1], 'A', #value, at, keep, ARGV[5], ARGV[6])
if refused then return refused end
put(ARGV[1], at, 0, 'A', value, keep)
return {'done'}
"""
)

READ = Script(
    _ANSWERS
    + """
-- ARGV: name, keep ms
local found = find(ARGV[1], now(), tonumber(ARGV[2]))
return found and confirmed(found) or {'none'}
"""
)

ADD_COPIES = Script(
    _ANSWERS
    + """
-- ARGV: keep ms, and for each field of the other hash its name and its text
local record = redis.call('GET', KEYS[1])
-- One that waits no more has had them all, from another node.
if not record or string.sub(record, 1, 1) ~= 'P' then return 0 end
for i = 2, #ARGV, 2 do
  if string.sub(ARGV[i], 1, 1) == '=' then
    local name = string.sub(ARGV[i], 2)
    local since, _, kind, value = parse(ARGV[i + 1])
    local known = redis.call('HMGET', KEYS[2], '=' .. name, '-' .. name)
    if not known[1] and not known[2] then put(name, since, 0, kind, value, ARGV[1]) end
  end
end
return 1
"""
)
