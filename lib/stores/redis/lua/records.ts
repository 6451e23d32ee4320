/** Lua: users' records by id, the index of a group's users, and buckets that move or go. */
import { slotOf } from './slots'

/**
 * KEYS: the users' strings, then the index of each user. ARGV: blob, \`put\`, \`drop\`, \`find\` or \`list\` (find, and put the index
 * right: a record may have expired), namespace, meeting. The blob has a part per user, and so has the reply: since when it is
 * kept (put), else the record that was there.
 */
export const RECORDS = `
local blob, act, namespace, meeting = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local users, at = unpack('<I4', blob)
local out = {}

local SINCE = { blocks = 'blockUntil', registrations = ${slotOf('registeredSince')}, members = 'memberSince' }
local present = SINCE[namespace]

local function recordOf(s)
  if not s[present] then return pack('<B', 0) end
  if namespace == 'blocks' then return pack('<BddI4', 1, s.blockSince, s.blockUntil, #s.blockRest) .. s.blockRest end
  if namespace == 'members' then return pack('<BddB', 1, s.memberSince, s.memberUpdate, s.memberReachable) end
  return pack('<BdI4', 1, s.registeredSince, #s.registeredRest) .. s.registeredRest
end

local function sinceOf(s)
  if namespace == 'blocks' then return s.blockSince, 0 end
  if namespace == 'members' then return s.memberSince, s.memberUpdate end
  return s.registeredSince, 0
end

local function readRecord()
  local r, length = { length = 0 }, 0
  r.since, r.second, r.reachable, length, at = unpack('<ddBI4', blob, at)
  r.rest, at = sub(blob, at, at + length - 1), at + length
  return r
end

local function putRecord(s, r)
  if s[present] then
    local since, update = sinceOf(s)
    if meeting == 'keep-since' then r.since = since end
    if meeting == 'later' then
      local second = namespace == 'members' and r.second or 0
      if r.since < since or (r.since == since and second <= update) then return pack('<Bd', 0, 0) end
    end
  end
  local deadline = NEVER
  if namespace == 'blocks' then
    if r.second < huge then deadline = deadlineIn(math.max(r.second - r.since, 0) + DAY) end
    s.blockSince, s.blockUntil, s.blockDeadline, s.blockRest = r.since, r.second, deadline, r.rest
  elseif namespace == 'members' then
    s.memberSince, s.memberUpdate, s.memberReachable = r.since, r.second, r.reachable
  else
    s.registeredSince, s.registeredRest = r.since, r.rest
  end
  if deadline > s.expires then s.expires = deadline end
  s.userChanged = true
  return pack('<Bd', 1, r.since)
end

local subjects, broken = {}, {}
local function subject(key)
  local s = subjects[key]
  if s or broken[key] then return s end
  local ok, read = pcall(readSubject, call('GET', key))
  if ok then
    subjects[key] = read
    return read
  end
  broken[key] = true
end

for i = 1, users do
  local id
  id, at = unpack('<d', blob, at)
  local key, index = KEYS[i], KEYS[users + i]
  local member = string.format('%.0f', id)
  local record = act == 'put' and readRecord()
  local s = subject(key)
  if not s then out[i] = pack('<B', 2)
  elseif record then
    out[i] = putRecord(s, record)
    if s.userChanged then call('SADD', index, member) end
  else
    out[i] = recordOf(s)
    if act == 'drop' and s[present] then
      s[present], s.userChanged = false, true
      tightenDeadline(s)
    end
    if act ~= 'find' and not s[present] then call('SREM', index, member) end
  end
end
for key, s in pairs(subjects) do
  if s.userChanged then writeSubject(key, s) end
end
writePlain()
return concat(out)
`

/** KEYS: indexes. ARGV: how many users at most, the id after which the first group's begin. A list of ids per group. */
export const MEMBERS = `
local room, after = tonumber(ARGV[1]), ARGV[2] == '-inf' and -math.huge or tonumber(ARGV[2])
local groups = {}
for i = 1, #KEYS do
  local ids, kept = redis.call('SMEMBERS', KEYS[i]), {}
  for j = 1, #ids do ids[j] = tonumber(ids[j]) end
  table.sort(ids)
  for j = 1, #ids do
    if room > 0 and (i > 1 or ids[j] > after) then
      kept[#kept + 1] = struct.pack('<d', ids[j])
      room = room - 1
    end
  end
  groups[i] = table.concat(kept)
  if room == 0 then break end
end
return groups
`

/**
 * KEYS: one subject. ARGV: \`take\` (the states of these buckets), \`give\` (these states, where it has none) or \`drop\` (these buckets),
 * then the buckets or states as bytes.
 */
export const BUCKETS = `
local act = ARGV[1]
local s = readSubject(call('GET', KEYS[1]))

local function idOf(bytes)
  local id = unpack('<d', bytes)
  return id
end

if act == 'take' then
  local taken = {}
  for i = 2, #ARGV do
    local state = findState(s, idOf(ARGV[i]))
    if state then taken[#taken + 1] = stateBytes(state) end
  end
  return taken
end

local changed = false
for i = 2, #ARGV do
  if act == 'drop' then
    local _, index = findState(s, idOf(ARGV[i]))
    if index then
      table.remove(s.states, index)
      changed = true
    end
  else
    -- A copy, since its bytes are not this subject's.
    local state = readStates(ARGV[i], 1, 1)[1]
    state.at = false
    if not findState(s, state.bucket) then
      s.states[#s.states + 1] = state
      if state.ends > s.expires then s.expires = state.ends end
      changed = true
    end
  end
end
if changed then
  writeSubject(KEYS[1], s)
  writePlain()
end
return changed and 1 or 0
`
