"""What runs inside the Redis server, in Lua: each script is one step that happens wholly or not at all.

Redis does not undo what a script wrote before it failed. So every script looks first and writes then: after its first
write nothing is left that could be refused. What a server may refuse a script for (no memory left, a failing disk, a
replica) it refuses at that first write; types are looked at before; PROBE meets commands that an operator forbids.

Sixty-four bits do not fit into Lua's numbers, and its strings are compared by the server's locale: a timestamp is two
numbers here.
"""

from __future__ import annotations

from hashlib import sha1
from typing import NamedTuple


class Script(NamedTuple):
    text: str
    digest: str
    """What the server knows it by."""


def script(*parts: str) -> Script:
    text = "".join(parts)
    return Script(text, sha1(text.encode()).hexdigest())  # noqa: S324 - the protocol's


_STAMPS = r"""
-- Where the plain number at a byte of a msgpack array ends, and its halves. Nothing for anything else.
local function number(v, at)
  local b = v:byte(at)
  if not b then return nil end
  if b < 0x80 then return at + 1, 0, b end
  local width = ({[0xcc] = 1, [0xcd] = 2, [0xce] = 4, [0xcf] = 8})[b]
  if not width or #v < at + width then return nil end
  if width == 8 then return at + 9, struct.unpack('>I4I4', v, at + 1) end
  return at + 1 + width, 0, (struct.unpack('>I' .. width, v, at + 1))
end

-- The timestamp of a row's last entry (two halves) and the sequence numbers of its first and last, as the row itself
-- says, unchecked. Nothing for what is no row.
local function stamp(v)
  if not v or v:sub(1, 2) ~= 'RM' then return nil end
  if v:sub(3, 3) == 'Z' then
    if #v < 37 then return nil end
    local count = struct.unpack('>I4', v, 10)
    local high, low = struct.unpack('>I4I4', v, 14)
    local first = high * 4294967296 + low
    high, low = struct.unpack('>I4I4', v, 30)
    return high, low, first, first + count - 1
  end
  if v:byte(9) ~= 0x96 then return nil end
  local at, high, low = number(v, 10)
  if not at then return nil end
  local seq = high * 4294967296 + low
  at, high, low = number(v, at)
  if not at then return nil end
  return high, low, seq, seq
end

local function below(high, low, than_high, than_low)
  return high < than_high or (high == than_high and low < than_low)
end

-- The first place in a list whose row is not below a timestamp. Steps over what shows none, and over places to avoid.
local function find(key, length, high, low, avoid)
  local from, to = 0, length
  while from < to do
    local at = math.floor((from + to) / 2)
    local middle, h, l = at, nil, nil
    while at < to do
      if not avoid[at] then h, l = stamp(redis.call('LINDEX', key, at)) end
      if h then break end
      at = at + 1
    end
    if h and below(h, l, high, low) then from = at + 1 else to = middle end
  end
  return from
end
"""

WALK = script(
    _STAMPS,
    r"""
-- Some rows of a memory around a timestamp, with their neighbour, which proves that the search came out right.
-- KEYS: memory. ARGV: timestamp or '' for the end, 'up' or 'down', how many, where it may well be, places to avoid.
-- Gives the place found, the place of the first row given, and rows.
local key, length = KEYS[1], redis.call('LLEN', KEYS[1])
local at = length
if ARGV[1] ~= '' then
  local high, low = struct.unpack('>I4I4', ARGV[1])
  local avoid = {}
  for n = 5, #ARGV do avoid[tonumber(ARGV[n])] = true end
  at = tonumber(ARGV[4])
  local function holds(place)  -- whether the row there is at or above the timestamp; the end is
    if place >= length then return true end
    local h, l = stamp(redis.call('LINDEX', key, place))
    if not h then return nil end
    return not below(h, l, high, low)
  end
  if at < 0 or at > length or #ARGV > 4 or holds(at) ~= true or (at > 0 and holds(at - 1) ~= false) then
    at = find(key, length, high, low, avoid)
  end
end
local first, last = at - 1, at + tonumber(ARGV[3]) - 1
if ARGV[2] == 'down' then first, last = at - tonumber(ARGV[3]), at end
first = math.max(first, 0)
return {at, first, redis.call('LRANGE', key, first, last)}
""",
)

BATCH = script(
    _STAMPS,
    r"""
-- One batch. KEYS: fence, owner, index, destroyed, leases, removed, and whatever the operations name by number.
-- ARGV: token, owner, its time to live (ms), whether a full server must refuse it, the daemon's number and name (''
-- for a single owner), then operations:
--   L id | N id                      a room whose lease must be ours; one that is new, and becomes ours
--   I id guard value | i id guard    the index record is put, removed; guard is the head of the one it replaces
--   X id | x id                      marked, unmarked as destroyed
--   S key value | s key              a value is put; a key and all in it removed
--   Q key seq value | q key seq      a queued input is put, removed
--   M key n row...                   memory goes on
--   R key n first last row           rows from one timestamp to another become one, or ('') none
local length = {L = 2, N = 2, I = 4, i = 3, X = 2, x = 2, S = 3, s = 2, Q = 4, q = 3, R = 6}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'FENCED', redis.call('GET', KEYS[2]) or ''} end

local function is(key, type)
  local found = redis.call('TYPE', key).ok
  return found == type or found == 'none'
end

local function continues(key, row)
  local high, low, seq = stamp(row)
  local count = redis.call('LLEN', key)
  if not high or count == 0 then return high ~= nil end
  local h, l, _, last = stamp(redis.call('LINDEX', key, count - 1))
  return h and below(h, l, high, low) and last + 1 == seq
end

local function place(key, wanted)
  local high, low = struct.unpack('>I4I4', wanted)
  local at = find(key, redis.call('LLEN', key), high, low, {})
  local h, l = stamp(redis.call('LINDEX', key, at))
  if h == high and l == low then return at end
end

local check = {}
function check.L(at)
  if redis.call('HGET', KEYS[5], ARGV[at + 1]) ~= ARGV[5] then return 'LEASED', ARGV[at + 1] end
end
function check.N(at)
  local held = redis.call('HGET', KEYS[5], ARGV[at + 1])
  if (held and held ~= ARGV[5]) or redis.call('HEXISTS', KEYS[3], ARGV[at + 1]) == 1 then
    return 'LEASED', ARGV[at + 1]
  end
end
function check.I(at)
  local found = redis.call('HGET', KEYS[3], ARGV[at + 1]) or ''
  if found:sub(1, 8) ~= ARGV[at + 2] then return 'STALE', ARGV[at + 1] end
end
check.i = check.I
function check.X() if not is(KEYS[4], 'set') then return 'TYPE', KEYS[4] end end
check.x = check.X
function check.Q(at)
  local key = KEYS[tonumber(ARGV[at + 1])]
  if not is(key, 'hash') then return 'TYPE', key end
end
check.q = check.Q
function check.M(at)
  local key = KEYS[tonumber(ARGV[at + 1])]
  if not is(key, 'list') then return 'TYPE', key end
  if not continues(key, ARGV[at + 3]) then return 'STALE', key end
end
local runs = {}
function check.R(at)
  local key = KEYS[tonumber(ARGV[at + 1])]
  if not is(key, 'list') then return 'TYPE', key end
  local first, last = place(key, ARGV[at + 3]), place(key, ARGV[at + 4])
  if not first or not last or last - first + 1 ~= tonumber(ARGV[at + 2]) then return 'STALE', key end
  runs[at] = {first, last}
end

local function step(at)
  return length[ARGV[at]] or 3 + tonumber(ARGV[at + 2])
end

local at = 6
while at <= #ARGV do
  local verdict = check[ARGV[at]]
  if verdict then
    local what, where = verdict(at)
    if what then return {what, where} end
  end
  at = at + step(at)
end

-- The server's own last chance to refuse: it asks for memory at the first command that may take some.
if ARGV[4] == '0' then redis.call('DEL', KEYS[2]) end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])

local gone, holes = 'gone:' .. ARGV[1], {}
local act = {}
function act.L() end
function act.N(at) redis.call('HSET', KEYS[5], ARGV[at + 1], ARGV[5]) end
function act.I(at) redis.call('HSET', KEYS[3], ARGV[at + 1], ARGV[at + 3]) end
function act.i(at)
  redis.call('HDEL', KEYS[3], ARGV[at + 1])
  if ARGV[5] ~= '' then redis.call('HSET', KEYS[6], ARGV[at + 1], redis.call('TIME')[1]) end
end
function act.X(at) redis.call('SADD', KEYS[4], ARGV[at + 1]) end
function act.x(at) redis.call('SREM', KEYS[4], ARGV[at + 1]) end
function act.S(at) redis.call('SET', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2]) end
function act.s(at) redis.call('UNLINK', KEYS[tonumber(ARGV[at + 1])]) end
function act.Q(at) redis.call('HSET', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2], ARGV[at + 3]) end
function act.q(at) redis.call('HDEL', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2]) end
function act.M(at)
  local from, to = at + 3, at + 2 + tonumber(ARGV[at + 2])
  while from <= to do  -- unpack has a limit
    redis.call('RPUSH', KEYS[tonumber(ARGV[at + 1])], unpack(ARGV, from, math.min(from + 999, to)))
    from = from + 1000
  end
end
function act.R(at)
  local key, run = KEYS[tonumber(ARGV[at + 1])], runs[at]
  local keep = ARGV[at + 5] ~= ''
  for n = run[1], run[2] do  -- holes first: no place shifts before all runs are done
    redis.call('LSET', key, n, (keep and n == run[2]) and ARGV[at + 5] or gone)
  end
  holes[key] = (holes[key] or 0) + run[2] - run[1] + (keep and 0 or 1)
end

at = 6
while at <= #ARGV do
  act[ARGV[at]](at)
  at = at + step(at)
end
for key, count in pairs(holes) do
  if count > 0 then redis.call('LREM', key, count, gone) end
end
return {'OK'}
""",
)

TAKE = script(r"""
-- Become the owner. KEYS: fence, owner, leases, daemons. ARGV: new token, owner, its time to live (ms), the token that
-- may be replaced although its owner seems to live. No lease outlives that. A full server must not refuse: rooms are
-- read and removed there, too.
local found = redis.call('TYPE', KEYS[2]).ok
if found ~= 'string' and found ~= 'none' then return {'HELD', ''} end
local held = redis.call('GET', KEYS[2])
if held and redis.call('GET', KEYS[1]) ~= ARGV[4] then return {'HELD', held} end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return {'OK'}
""")

LEAVE = script(r"""
-- Be the owner no longer. KEYS: fence, owner, ... ARGV: token.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return {'OK'}
""")

PROBE = script(r"""
-- Do once, to keys that are nobody's, all that a batch does. KEYS: a value, a list, a hash, a set. ARGV: whether a full
-- server must refuse it.
if ARGV[1] == '0' then redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], '', 'PX', 1000)
redis.call('TYPE', KEYS[1])
redis.call('UNLINK', unpack(KEYS))
redis.call('RPUSH', KEYS[2], 'a', 'b')
redis.call('LSET', KEYS[2], 0, 'c')
redis.call('LINDEX', KEYS[2], redis.call('LLEN', KEYS[2]) - 1)
redis.call('LREM', KEYS[2], 1, 'c')
redis.call('HSET', KEYS[3], 'a', 'b')
redis.call('HGET', KEYS[3], 'a')
redis.call('HDEL', KEYS[3], 'a')
redis.call('SADD', KEYS[4], 'a')
redis.call('SREM', KEYS[4], 'a')
redis.call('DEL', unpack(KEYS))
return {'OK'}
""")

USAGE = script(r"""
-- What rooms take of the server's memory. KEYS: index, destroyed. ARGV: prefix.
local total = 0
local function add(key) total = total + (redis.call('MEMORY', 'USAGE', key) or 0) end
add(KEYS[1])
add(KEYS[2])
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
  for _, kind in ipairs({'state', 'config', 'metadata', 'memory', 'queue'}) do add(ARGV[1] .. id .. ':' .. kind) end
end
return total
""")
