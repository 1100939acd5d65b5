"""The Lua scripts that make each verb of the Redis store one atomic step.

A record is one string, `R<version> <created ms> <absolute ms> <owner or -> <JSON>`, a tombstone
`T<reason> <successor or ->`; the deadline is the key's own expiry. One string, because MGET then
reads five hundred sessions in one command. Times are milliseconds of the server's clock, which
stands still while a script runs. Each script names keys of one slot, so that it runs on a Cluster as
well.

A record that is to replace another is `P<version> <created ms> <absolute ms> <owner or ->
<predecessor> <JSON>`, and its tombstone has the predecessor behind the successor.

Nodes of several versions share records: a later one may put more words behind the owner, and behind
the successor, and knows more reasons. Readers pass over such words, and a commit keeps them.
"""

import hashlib
from dataclasses import dataclass, field

CLOCK = """
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function extend(key, value, idle)
  local at = now()
  local absolute = idle ~= '' and tonumber(string.match(value, '^R%d+ %d+ (%d+)') or '')
  if not absolute then return {value, at, at + redis.call('PTTL', key)} end
  local deadline = math.min(at + math.max(idle, redis.call('PTTL', key)), absolute)
  -- A server that refuses writes at the moment is still read; one that is no master has to be left.
  local refused = redis.pcall('PEXPIREAT', key, string.format('%d', deadline))
  if type(refused) == 'table' then
    if string.find(refused.err, 'READONLY', 1, true) then return refused end
    return {value, at, at + redis.call('PTTL', key)}
  end
  return {value, at, deadline}
end
"""


@dataclass(frozen=True)
class Script:
    """A script's text, and the digest by which a server that has seen it can run it."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        # EVALSHA names scripts by SHA-1, which protects nothing here.
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


CONFIRM = """
-- What is answered may have been written by another connection, and on Valkey WAIT waits for what its own
-- client wrote alone (on Redis 7.0 for all that was written before): so this writes, and changes nothing.
local function confirm(key)
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIRE', key, left) end
end
"""

CREATE = Script(
    CLOCK
    + """
-- ARGV: idle ms, absolute ms, created ms or '', owner, data, predecessor or '', until ms or ''
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local at = now()
if ARGV[7] ~= '' and at >= tonumber(ARGV[7]) then return {'late'} end
local created = ARGV[3] ~= '' and tonumber(ARGV[3]) or at
local absolute = created + ARGV[2]
local deadline = math.min(at + ARGV[1], absolute)
local owner = ARGV[6] == '' and ARGV[4] or ARGV[4] .. ' ' .. ARGV[6]
local kind = ARGV[6] == '' and 'R' or 'P'
local value = kind .. string.format('1 %d %d ', created, absolute) .. owner .. ' ' .. ARGV[5]
redis.call('SET', KEYS[1], value)
redis.call('PEXPIREAT', KEYS[1], string.format('%d', deadline))
return {value, at, deadline}
"""
)

LOAD = Script(
    CLOCK
    + """
-- ARGV: idle ms or ''
local value = redis.call('GET', KEYS[1])
if not value then return false end
if string.sub(value, 1, 1) == 'T' then return extend(KEYS[1], value, '') end
return extend(KEYS[1], value, ARGV[1])
"""
)

COMMIT_RECORD = """
-- ARGV: version, idle ms or '', owner, data, predecessor or ''
local function commit(value)
  if not value then return {'gone'} end
  if string.sub(value, 1, 1) == 'T' then return {'gone', value} end
  local kind, version, times = string.match(value, '^([RP])(%d+) (%d+ %d+)')
  if version ~= ARGV[1] then
    if kind == 'P' then confirm(KEYS[1]) end -- its predecessor is about to end
    return {'conflict', unpack(extend(KEYS[1], value, ''))}
  end
  local words = kind == 'R' and '^R%d+ %d+ %d+ %S+' or '^P%d+ %d+ %d+ %S+ %S+'
  local more = string.match(value, words .. '( [^{]-) {') or ''
  local owner = ARGV[5] == '' and ARGV[3] or ARGV[3] .. ' ' .. ARGV[5]
  kind = ARGV[5] == '' and 'R' or 'P'
  local head = kind .. string.format('%d', version + 1) .. ' ' .. times .. ' '
  redis.call('SET', KEYS[1], head .. owner .. more .. ' ' .. ARGV[4], 'KEEPTTL')
  return {'committed', unpack(extend(KEYS[1], head, ARGV[2]))}
end
"""

COMMIT = Script(CLOCK + CONFIRM + COMMIT_RECORD + "return commit(redis.call('GET', KEYS[1]))")

END = Script(
    CLOCK
    + CONFIRM
    + """
-- ARGV: reason, keep ms, version or '', successor
local value = redis.call('GET', KEYS[1])
if not value then return {'gone'} end
if string.sub(value, 1, 1) == 'T' then
  confirm(KEYS[1])
  return {'gone', value}
end
local last = extend(KEYS[1], value, '')
if ARGV[3] ~= '' and string.match(value, '^[RP](%d+)') ~= ARGV[3] then
  return {'conflict', unpack(last)}
end
local predecessor = string.match(value, '^P%d+ %d+ %d+ %S+( %S+)') or ''
-- A server whose memory is full lets a script add that has written before. It may delete nothing for that:
-- in a slot that is being moved it would not be let write again what is there no more.
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[1], 'T' .. ARGV[1] .. ' ' .. ARGV[4] .. predecessor, 'PX', ARGV[2])
if ARGV[1] ~= 'rotated' then redis.call('DEL', KEYS[2]) end -- or the successor gets them
return {'committed', unpack(last)}
"""
)


ADD_TO_INDEX = Script(
    CLOCK
    + """
-- ARGV: session key, keep ms
local at = now()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at)
redis.call('ZADD', KEYS[1], 'GT', string.format('%d', at + ARGV[2]), ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], string.format('%d', last[2]))
local exact = redis.call('TIME') -- two sign-ins of one millisecond have an order
return exact[1] * 1000000 + exact[2]
"""
)
