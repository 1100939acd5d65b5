"""The Lua scripts that make each verb of the Redis store one atomic step.

A record is one string, `R<version> <created ms> <absolute ms> <owner or -> <JSON>`, a tombstone
`T<reason> <successor or ->`; the deadline is the key's own expiry. One string, because MGET then
reads five hundred sessions in one command. Times are milliseconds of the server's clock, which
stands still while a script runs. Each script names one key, so that it runs on a Cluster as well.
"""

import hashlib
from dataclasses import dataclass, field

_CLOCK = """
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function extend(key, value, idle)
  local at = now()
  if idle == '' then return {value, at, at + redis.call('PTTL', key)} end
  local absolute = tonumber(string.match(value, '^R%d+ %d+ (%d+)'))
  local deadline = math.min(at + idle, absolute)
  redis.call('PEXPIREAT', key, string.format('%d', deadline))
  return {value, at, deadline}
end
"""


@dataclass(frozen=True)
class Script:
    """A script's text and the digest under which the server knows it once it has seen it."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        # EVALSHA names scripts by SHA-1; it is a name here, no protection.
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


CREATE = Script(
    _CLOCK
    + """
-- ARGV: idle ms, absolute ms, created ms or '', owner, data
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local at = now()
local created = ARGV[3] ~= '' and tonumber(ARGV[3]) or at
local absolute = created + ARGV[2]
local deadline = math.min(at + ARGV[1], absolute)
local value = string.format('R1 %d %d ', created, absolute) .. ARGV[4] .. ' ' .. ARGV[5]
redis.call('SET', KEYS[1], value)
redis.call('PEXPIREAT', KEYS[1], string.format('%d', deadline))
return {value, at, deadline}
"""
)

LOAD = Script(
    _CLOCK
    + """
-- ARGV: idle ms or ''
local value = redis.call('GET', KEYS[1])
if not value then return false end
if string.sub(value, 1, 1) == 'T' then return {value} end
return extend(KEYS[1], value, ARGV[1])
"""
)

COMMIT = Script(
    _CLOCK
    + """
-- ARGV: version, idle ms or '', owner, data
local value = redis.call('GET', KEYS[1])
if not value then return {'gone'} end
if string.sub(value, 1, 1) == 'T' then return {'gone', value} end
local version, times = string.match(value, '^R(%d+) (%d+ %d+)')
if version ~= ARGV[1] then return {'conflict', unpack(extend(KEYS[1], value, ''))} end
local head = 'R' .. string.format('%d', version + 1) .. ' ' .. times .. ' '
redis.call('SET', KEYS[1], head .. ARGV[3] .. ' ' .. ARGV[4], 'KEEPTTL')
return {'committed', unpack(extend(KEYS[1], head, ARGV[2]))}
"""
)

END = Script(
    _CLOCK
    + """
-- ARGV: reason, keep ms, version or '', successor
local value = redis.call('GET', KEYS[1])
if not value then return {'gone'} end
if string.sub(value, 1, 1) == 'T' then return {'gone', value} end
local last = extend(KEYS[1], value, '')
if ARGV[3] ~= '' and string.match(value, '^R(%d+)') ~= ARGV[3] then
  return {'conflict', unpack(last)}
end
redis.call('DEL', KEYS[1]) -- first, as a server whose memory is full refuses what adds to it
redis.call('SET', KEYS[1], 'T' .. ARGV[1] .. ' ' .. ARGV[4], 'PX', ARGV[2])
return {'committed', unpack(last)}
"""
)
