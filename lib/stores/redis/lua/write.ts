/** Lua: a subject's table, written back as `subject.ts` reads it. */
import { MOST_MARKS } from '../../ledger-record'

export const WRITE_SUBJECT = `
local FORMATS = { '<BI7I4d', '<BI7I4dd', '<BI7I4dd', '<BI7I4ddd' }

local function userBytes(s)
  if not s.userChanged then
    if s.has == 0 then return 0, '' end
    return s.has, sub(s.raw, 9, s.userEnd)
  end
  local has, some = 0, {}
  if s.blockUntil then
    has = 1
    some[1] = pack('<ddI4I4', s.blockSince, s.blockUntil, s.blockDeadline, #s.blockRest) .. s.blockRest
  end
  if s.registeredSince then
    has = has + 2
    some[#some + 1] = pack('<dI4', s.registeredSince, #s.registeredRest) .. s.registeredRest
  end
  if s.memberSince then
    has = has + 4
    some[#some + 1] = pack('<ddB', s.memberSince, s.memberUpdate, s.memberReachable)
  end
  return has, concat(some)
end

local function logTimes(state)
  if state.kept < 1 then return state.tail end
  return sub(state.source, state.from, state.from + 8 * state.kept - 1) .. state.tail
end

local function stateBytes(s, state)
  local kind, at = state.kind, state.at
  if kind == LOG then
    if at then return sub(s.raw, at, at + 15 + 8 * state.units) end
    return pack('<BI7I4I4', LOG, state.bucket, state.ends, state.units) .. logTimes(state)
  end
  if at then return sub(s.raw, at, at + 11 + 8 * (#FORMATS[kind] - 6)) end
  return pack(FORMATS[kind], kind, state.bucket, state.ends, state.a, state.b, state.c)
end

-- Without marks that are over; of too many, those that end first go.
local function liveMarks(marks, horizon)
  local live, ends = {}, {}
  for at = 1, #marks, MARK do
    local till = unpack('<d', marks, at + 8)
    if till > horizon then
      live[#live + 1] = sub(marks, at, at + 15)
      ends[#ends + 1] = till
    end
  end
  if #live <= ${MOST_MARKS} then return concat(live) end
  local order = {}
  for i = 1, #live do order[i] = i end
  table.sort(order, function(a, b) return ends[a] > ends[b] end)
  local kept = {}
  for i = 1, ${MOST_MARKS} do kept[i] = live[order[i]] end
  return concat(kept)
end

-- Marks that are over go whenever their number passes a power of two: seldom, and yet they never pile up.
local function trimmedMarks(s)
  local marks, before = s.marks, s.marksBefore
  if #marks <= before or #marks < 8 * MARK then return marks end
  local _, power = math.frexp(#marks / MARK)
  local _, powerBefore = math.frexp(before / MARK)
  if power == powerBefore and #marks <= ${MOST_MARKS} * MARK then return marks end
  return liveMarks(marks, s.horizon)
end

local parts, plain, plainCount, lastDeadline, lastTtl = {}, {}, 0, nil, nil
-- Writes a subject back, without what no longer matters. Those that never expire wait for \`writePlain\`.
local function writeSubject(key, s)
  if s.blockUntil and s.blockDeadline <= realSeconds then s.blockUntil, s.userChanged = nil, true end
  local has, user = userBytes(s)
  local states, count, n = s.states, 0, 2
  for i = 1, #states do
    local state = states[i]
    if state.ends > realSeconds then
      count, n = count + 1, n + 1
      parts[n] = stateBytes(s, state)
    end
  end
  n = n + 1
  parts[n] = trimmedMarks(s)
  if has == 0 and count == 0 and parts[n] == '' then return call('DEL', key) end
  local expires = s.expires
  parts[1], parts[2] = pack('<BBI4H', VERSION, has, expires, count), user
  local value = concat(parts, '', 1, n)
  if expires == NEVER then
    plain[plainCount + 1], plain[plainCount + 2] = key, value
    plainCount = plainCount + 2
    return
  end
  if expires ~= lastDeadline then
    local left = expires - realSeconds
    if left < 0 then left = 0 end
    lastDeadline, lastTtl = expires, string.format('%d', left + MINUTE / 1000)
  end
  call('SET', key, value, 'EX', lastTtl)
end

local function writePlain()
  for from = 1, plainCount, 1000 do
    local to = from + 999
    if to > plainCount then to = plainCount end
    call('MSET', spread(plain, from, to))
  end
end
`

/** The deadline of what is left, once a record that never ends is gone. The clock of the marks is not known: a day more. */
export const TIGHTEN = `
local function tightenDeadline(s)
  local deadline = 0
  if s.registeredSince or s.memberSince then deadline = NEVER end
  if s.blockUntil and s.blockDeadline > deadline then deadline = s.blockDeadline end
  for i = 1, #s.states do
    local state = s.states[i]
    if state.ends > deadline then deadline = state.ends end
  end
  for at = 9, #s.marks, MARK do
    local till = unpack('<d', s.marks, at)
    local ends = deadlineIn(math.max(till - real, 0) + DAY)
    if ends > deadline then deadline = ends end
  end
  s.expires = deadline
end
`
