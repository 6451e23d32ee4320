/** Lua: a subject's table, written back as `subject.ts` reads it. */
import { MOST_MARKS } from '../../ledger-record'

export const WRITE_SUBJECT = `
local function userBytes(s)
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

local function stateBytes(state)
  local kind = state.kind
  if kind ~= LOG then return pack(FORMATS[kind], kind, state.bucket, state.ends, 0, state.a, state.b, state.c) end
  local bytes = pack('<BI7I4I4', LOG, state.bucket, state.ends, state.units)
  if state.kept < 1 then return bytes .. state.tail end
  return bytes .. sub(state.source, state.from, state.from + 8 * state.kept - 1) .. state.tail
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
  local marks = sub(s.marks, s.marksFrom) .. s.added
  local _, power = math.frexp(#marks / MARK)
  local _, powerBefore = math.frexp(s.marksBefore / MARK)
  if power == powerBefore and #marks <= ${MOST_MARKS} * MARK then return marks end
  return liveMarks(marks, s.horizon)
end

local parts, rests, PARTS, plain, plainCount, lastDeadline, lastTtl = {}, {}, {}, {}, 0, nil, nil
-- Writes a subject back, without what no longer matters: its user, the logs that have changed, then the rest, in one go. Those that
-- never expire wait for \`writePlain\`.
local function writeSubject(key, s)
  if s.blockUntil and s.blockDeadline <= realSeconds then s.blockUntil, s.userChanged = nil, true end
  local raw, has, states, count, n, rest = s.raw, s.has, s.states, 0, 5, 0
  local user = ''
  if s.userChanged then has, user = userBytes(s)
  elseif has > 0 then user = sub(raw, 9, s.userEnd) end
  -- Bytes that stay as they are, and stand side by side, go together.
  local from, to = 0, 0
  for i = 1, #states do
    local state = states[i]
    if state.ends > realSeconds then
      count = count + 1
      local kind, at = state.kind, state.at
      if at then
        if at ~= to then
          if to > from then
            rest = rest + 1
            rests[rest] = sub(raw, from, to - 1)
          end
          from = at
        end
        to = kind == LOG and at + 16 + 8 * state.units or at + 8 * #FORMATS[kind] - 48
      elseif kind == LOG then
        local start, kept = state.from, state.kept
        parts[n + 1], parts[n + 2], parts[n + 3], parts[n + 4] = LOG, state.bucket, state.ends, state.units
        parts[n + 5] = kept > 0 and sub(state.source, start, start + 8 * kept - 1) or ''
        parts[n + 6] = state.tail
        n = n + 6
      else
        rest = rest + 1
        rests[rest] = stateBytes(state)
      end
    end
  end
  local marks, start, added = s.marks, s.marksFrom, s.added
  local bytes = #marks - start + 1 + #added
  if bytes > s.marksBefore and bytes >= 8 * MARK then
    marks, start, added = trimmedMarks(s), 1, ''
    bytes = #marks
  end
  if has == 0 and count == 0 and bytes == 0 then return call('DEL', key) end
  if start == to and start > 1 then to, start = #raw + 1, #marks + 1 end
  if to > from then
    rest = rest + 1
    rests[rest] = sub(raw, from, to - 1)
  end
  if start <= #marks then
    rest = rest + 1
    rests[rest] = start == 1 and marks or sub(marks, start)
  end
  if added ~= '' then
    rest = rest + 1
    rests[rest] = added
  end
  for i = 1, rest do parts[n + i] = rests[i] end
  local expires = s.expires
  parts[1], parts[2], parts[3], parts[4], parts[5] = VERSION, has, expires, count, user
  local shape = n * 8192 + rest
  local format = PARTS[shape]
  if not format then
    format = '<BBI4Hc0' .. rep('BI7I4I4c0c0', (n - 5) / 6) .. rep('c0', rest)
    PARTS[shape] = format
  end
  local value = pack(format, spread(parts, 1, n + rest))
  if expires == NEVER then
    plain[plainCount + 1], plain[plainCount + 2] = key, value
    plainCount = plainCount + 2
    return
  end
  if expires ~= lastDeadline then
    local left = expires - realSeconds
    if left < 0 then left = 0 end
    lastDeadline, lastTtl = expires, left + MINUTE / 1000
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
  for at = s.marksFrom + 8, #s.marks, MARK do
    local till = unpack('<d', s.marks, at)
    local ends = deadlineIn(math.max(till - real, 0) + DAY)
    if ends > deadline then deadline = ends end
  end
  s.expires = deadline
end
`
