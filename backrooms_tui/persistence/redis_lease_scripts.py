"""What runs inside the Redis server where several daemons share its rooms. `redis_leases.py` says why.

`{prefix}fence` says `fleet` while no single owner has the rooms. `{prefix}leases` is a hash of rooms, each with `NUMBER
DAEMON`; `{prefix}daemons` a hash of daemons, each with the millisecond at which its leases end, by this server's clock,
and facts about it. `{prefix}owner` is taken away and put again: a full server lets pass what begins by removing.
"""

from __future__ import annotations

from .redis_scripts import script

_COMMON = r"""
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function appear(daemon, facts, lease)
  redis.call('HSET', KEYS[3], daemon, string.format('%.0f ', now() + tonumber(lease)) .. facts)
end

local function present(owner, ttl)
  redis.call('DEL', KEYS[2])
  redis.call('SET', KEYS[2], owner, 'PX', ttl)
end

-- The daemons whose leases have not ended: true for each of them.
local function living()
  local all, at, found = redis.call('HGETALL', KEYS[3]), now(), {}
  for n = 1, #all, 2 do
    if (tonumber(all[n + 1]:match('^%d+')) or 0) > at then found[all[n]] = true end
  end
  return found
end

local function holder(lease) return lease:match(' (.*)$') or '' end

-- Whether work waits in a room, or its removal has been begun.
local function unfinished(prefix, id, destroyed)
  local queue = prefix .. id .. ':queue'
  if redis.call('SISMEMBER', destroyed, id) == 1 then return true end
  return redis.call('TYPE', queue).ok == 'hash' and redis.call('HLEN', queue) > 0
end
"""

_FENCED = r"""
if redis.call('GET', KEYS[1]) ~= 'fleet' then return {'FENCED', redis.call('GET', KEYS[2]) or ''} end
"""

JOIN = script(
    _COMMON,
    r"""
-- Become one of the fleet, with a new number; rooms that are ours already have it from now on. KEYS: fence, owner,
-- daemons, leases, number, removed. ARGV: owner, its time to live (ms), daemon, facts, lease (ms), the second before
-- which removals are forgotten, the token of a single owner that may be replaced although it seems to live.
local found = redis.call('TYPE', KEYS[2]).ok
if found ~= 'string' and found ~= 'none' then return {'HELD', ''} end
local held, fence = redis.call('GET', KEYS[2]), redis.call('GET', KEYS[1])
if held and fence ~= 'fleet' and fence ~= ARGV[7] then return {'HELD', held} end
present(ARGV[1], ARGV[2])
redis.call('SET', KEYS[1], 'fleet')
local number = string.format('%.0f', redis.call('INCR', KEYS[5]))
local ours, leases = {}, redis.call('HGETALL', KEYS[4])
for n = 1, #leases, 2 do
  if holder(leases[n + 1]) == ARGV[3] then
    redis.call('HSET', KEYS[4], leases[n], number .. ' ' .. ARGV[3])
    ours[#ours + 1] = leases[n]
  end
end
local removed = redis.call('HGETALL', KEYS[6])
for n = 1, #removed, 2 do
  if tonumber(removed[n + 1]) < tonumber(ARGV[6]) then redis.call('HDEL', KEYS[6], removed[n]) end
end
appear(ARGV[3], ARGV[4], ARGV[5])
return {'OK', number, ours}
""",
)

BEAT = script(
    _COMMON,
    _FENCED,
    r"""
-- Renew all leases of a daemon. KEYS: fence, owner, daemons. ARGV: owner, its time to live (ms), daemon, facts, lease
-- (ms). Gives whether they had ended, and how many daemons are silent.
local lives = living()
present(ARGV[1], ARGV[2])
appear(ARGV[3], ARGV[4], ARGV[5])
local silent = 0
for _, daemon in ipairs(redis.call('HKEYS', KEYS[3])) do
  if daemon ~= ARGV[3] and not lives[daemon] then silent = silent + 1 end
end
return {'OK', lives[ARGV[3]] and 0 or 1, silent}
""",
)

HOLD = script(
    _COMMON,
    _FENCED,
    r"""
-- Take a room's lease. KEYS: fence, owner, daemons, leases, index, removed. ARGV: owner, its time to live (ms), daemon,
-- number and daemon, room. Gives the room's record and when its history was cut, '' for none.
local held = redis.call('HGET', KEYS[4], ARGV[5])
if held and holder(held) ~= ARGV[3] and living()[holder(held)] then
  return {'HELD', redis.call('HGET', KEYS[3], holder(held))}
end
present(ARGV[1], ARGV[2])
redis.call('HSET', KEYS[4], ARGV[5], ARGV[4])
return {'OK', redis.call('HGET', KEYS[5], ARGV[5]) or '', redis.call('HGET', KEYS[6], ARGV[5]) or ''}
""",
)

CLAIM = script(
    _COMMON,
    _FENCED,
    r"""
-- Take over what silent daemons left unfinished, as much as is fair at a time, and end their other leases. KEYS: fence,
-- owner, daemons, leases, destroyed. ARGV: owner, its time to live (ms), number and daemon, prefix, how many rooms at
-- least and at most. Gives whether there are more, and the rooms taken.
local lives, leases, left, taken = living(), redis.call('HGETALL', KEYS[4]), {}, {}
present(ARGV[1], ARGV[2])
for n = 1, #leases, 2 do
  if not lives[holder(leases[n + 1])] then
    if unfinished(ARGV[4], leases[n], KEYS[5]) then
      left[#left + 1] = leases[n]
    else
      redis.call('HDEL', KEYS[4], leases[n])
    end
  end
end
local sharers = 0
for _ in pairs(lives) do sharers = sharers + 1 end
local share = math.max(tonumber(ARGV[5]), math.ceil(#left / math.max(sharers, 1)))
for n = 1, math.min(share, tonumber(ARGV[6]), #left) do
  redis.call('HSET', KEYS[4], left[n], ARGV[3])
  taken[n] = left[n]
end
if #taken < #left then return {'OK', 1, taken} end
for _, daemon in ipairs(redis.call('HKEYS', KEYS[3])) do
  if not lives[daemon] then redis.call('HDEL', KEYS[3], daemon) end
end
return {'OK', 0, taken}
""",
)

RELEASE = script(r"""
-- Give up the lease of a room. KEYS: leases. ARGV: number and daemon, room.
if redis.call('HGET', KEYS[1], ARGV[2]) == ARGV[1] then redis.call('HDEL', KEYS[1], ARGV[2]) end
return {'OK'}
""")

DEPART = script(
    _COMMON,
    _FENCED,
    r"""
-- Leave the fleet. KEYS: fence, owner, daemons, leases, destroyed. ARGV: daemon, prefix. Leases of rooms in which work
-- waits stay, so that the others find them; without others a single owner is let in at once.
local leases, left = redis.call('HGETALL', KEYS[4]), 0
for n = 1, #leases, 2 do
  if holder(leases[n + 1]) == ARGV[1] then
    if unfinished(ARGV[2], leases[n], KEYS[5]) then left = left + 1 else redis.call('HDEL', KEYS[4], leases[n]) end
  end
end
redis.call('HDEL', KEYS[3], ARGV[1])
if left > 0 then redis.call('HSET', KEYS[3], ARGV[1], '0') end
if next(living()) == nil then redis.call('DEL', KEYS[2]) end
return {'OK'}
""",
)
