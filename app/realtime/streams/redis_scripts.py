"""The scripts of RedisStreamLog. Each is atomic, and uses keys of one slot.

KEYS: a hash of the stream; its chunks, a Redis Stream; the index of its session or user, a sorted set of
`id namespace` by the time until which a stream is kept. The hash has `state`, `event`, `end` (number of
the next item), `size` (bytes in all), `kept` (bytes that are there), `lease` (a time), and for each reader
`r:id` or, once it has left, `l:id`: its position, and until when it is waited for. A chunk's id is the
number of the item behind its last one, so that a reader finds what comes next by its offset; that of the
last chunk is above it. Times are those of the server, in milliseconds.
"""

_COMMON = """
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%d', number) end
local function keep(member, ms)
  local until_ = now() + ms
  redis.call('PEXPIRE', KEYS[1], ms)
  redis.call('PEXPIRE', KEYS[2], ms)
  redis.call('ZADD', KEYS[3], int(until_), member)
  redis.call('PEXPIRE', KEYS[3], ms + 1000)
end
local function ahead()
  local at, live, left = now(), nil, nil
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local kind = string.sub(all[i], 1, 2)
    if kind == 'r:' or kind == 'l:' then
      local position, until_ = string.match(all[i + 1], '^(%d+) (%d+)$')
      position = tonumber(position)
      if tonumber(until_) <= at then
        redis.call('HDEL', KEYS[1], all[i])
      elseif kind == 'r:' then
        live = math.min(live or position, position)
      else
        left = math.min(left or position, position)
      end
    end
  end
  local size = tonumber(redis.call('HGET', KEYS[1], 'size'))
  return size - (live or left or size)
end
local function add(id, start, body, most)
  local size = redis.call('HINCRBY', KEYS[1], 'size', #body)
  local kept = redis.call('HINCRBY', KEYS[1], 'kept', #body)
  redis.call('XADD', KEYS[2], id, 's', start, 'p', int(size), 'b', body)
  while true do
    local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
    if kept - #first[2][6] < most then break end
    redis.call('XDEL', KEYS[2], first[1])
    kept = redis.call('HINCRBY', KEYS[1], 'kept', -#first[2][6])
  end
end
local function renew(member, lease, ms)
  local state = redis.call('HGET', KEYS[1], 'state')
  if not state then return {'gone', 0} end
  if state == 'open' then
    redis.call('HSET', KEYS[1], 'lease', int(now() + lease))
    keep(member, ms)
  end
  return {state, ahead()}
end
"""

OPEN = (
    _COMMON
    + """
-- ARGV: member, lease ms, keep ms, hold ms, most streams, event
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', int(now()))
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[5]) then return 'full' end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'state', 'open', 'event', ARGV[6], 'end', 0, 'size', 0, 'kept', 0,
  'lease', int(now() + ARGV[2]), 'l:', '0 ' .. int(now() + ARGV[4]))
keep(ARGV[1], tonumber(ARGV[3]))
return 'opened'
"""
)

APPEND = (
    _COMMON
    + """
-- ARGV: member, lease ms, keep ms, start, end, body, 1 for the last chunk, bytes kept
local found = redis.call('HMGET', KEYS[1], 'state', 'end')
if found[1] == 'open' then
  if tonumber(found[2]) < tonumber(ARGV[4]) then return {'gone', 0} end
  if found[2] == ARGV[4] then
    add(ARGV[5] .. '-' .. ARGV[7], ARGV[4], ARGV[6], tonumber(ARGV[8]))
    redis.call('HSET', KEYS[1], 'end', ARGV[5])
    if ARGV[7] == '1' then
      redis.call('HSET', KEYS[1], 'state', 'ended')
      keep(ARGV[1], tonumber(ARGV[3]))
    end
  end
end
return renew(ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))
"""
)

RENEW = (
    _COMMON
    + """
-- ARGV: member, lease ms, keep ms
return renew(ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))
"""
)

ABANDON = (
    _COMMON
    + """
-- ARGV: member, keep ms, end, body, bytes kept
local found = redis.call('HMGET', KEYS[1], 'state', 'end', 'lease')
if found[1] ~= 'open' or found[2] ~= ARGV[3] or tonumber(found[3]) > now() then return 0 end
add(ARGV[3] .. '-1', ARGV[3], ARGV[4], tonumber(ARGV[5]))
redis.call('HSET', KEYS[1], 'state', 'abandoned')
keep(ARGV[1], tonumber(ARGV[2]))
return 1
"""
)

DISCARD = """
-- ARGV: member
redis.call('ZREM', KEYS[3], ARGV[1])
return redis.call('DEL', KEYS[1], KEYS[2])
"""

FIND = (
    _COMMON
    + """
-- KEYS: the index
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. int(now()), '+inf')
"""
)

READ = (
    _COMMON
    + """
-- ARGV: reader, offset, position or '', count, hold ms
local found = redis.call('HMGET', KEYS[1], 'state', 'size', 'lease', 'event')
if not found[1] then return {'gone'} end
local chunks = redis.call('XRANGE', KEYS[2], '(' .. ARGV[2] .. '-0', '+', 'COUNT', ARGV[4])
local position = ARGV[3]
if position == '' then
  position = found[2]
  if chunks[1] then position = int(chunks[1][2][4] - #chunks[1][2][6]) end
end
if found[1] == 'open' then
  redis.call('HSET', KEYS[1], 'r:' .. ARGV[1], position .. ' ' .. int(now() + ARGV[5]))
  redis.call('HDEL', KEYS[1], 'l:', 'l:' .. ARGV[1])
end
local overdue = found[1] == 'open' and tonumber(found[3]) <= now() and 1 or 0
return {found[1], position, overdue, found[4], chunks}
"""
)

LEAVE = (
    _COMMON
    + """
-- ARGV: reader, position or '', hold ms
local place = redis.call('HGET', KEYS[1], 'r:' .. ARGV[1])
if not place then return 0 end
local position = ARGV[2]
if position == '' then position = string.match(place, '^%d+') end
redis.call('HDEL', KEYS[1], 'r:' .. ARGV[1])
redis.call('HSET', KEYS[1], 'l:' .. ARGV[1], position .. ' ' .. int(now() + ARGV[3]))
return 1
"""
)
