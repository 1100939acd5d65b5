"""Whether a server lets its user run commands, and which of them it does not."""

from .commands import Argument
from .scripts import Script

FORBIDDEN = "NOPERM"

_SCRIPT = Script("""
-- ARGV: commands, KEY for the key in them. Servers differ in what they say of a command in a script.
local refused
for i = 1, #ARGV do
  local words = {}
  for word in string.gmatch(ARGV[i], '%S+') do
    words[#words + 1] = word == 'KEY' and KEYS[1] or word
  end
  local reply = redis.pcall(unpack(words))
  if type(reply) == 'table' and reply.err and not refused then
    local text = string.lower(reply.err)
    refused = reply
    if string.find(text, 'perm') or string.find(text, 'acl') or string.find(text, "can't", 1, true) then
      refused = redis.error_reply('NOPERM ' .. words[1] .. ': ' .. reply.err)
    end
  end
end
return refused or 1
""")


def probe(key: str, *commands: str) -> tuple[Argument, ...]:
    """Return a command that tries commands on a key; the first error among their replies is its own.

    Args:
        key: a key that is used for nothing else.
        commands: each as it is typed, with KEY for the key; together they leave nothing.
    """
    return ("EVAL", _SCRIPT, 1, key, *commands)
