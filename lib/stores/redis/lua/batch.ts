/** Lua: reads a batch of requests as `codec-request.ts` writes them, judges one after another, and writes what changed once. */
import { ALGORITHM, EXTRA, KIND, STATUS } from '../wire'
import { ANSWER_FORMAT, DECIDE, LEFT } from './decide'
import { ANSWER_TENTATIVELY, FORESEE, REFUND, TENTATIVE } from './tentative'

/** What a script knows of its batch. */
export const BATCH_STATE = `
local blob, at = ARGV[1], 1
local subjectCount, checkCount, requestCount
subjectCount, checkCount, requestCount, at = unpack('<I4I4I4', blob)

-- The key that could not be read, if any.
local subjects, broken = {}, nil
if subjectCount == 1 then
  local ok, found = pcall(readSubject, call('GET', KEYS[1]))
  subjects[1] = ok and found
else
  for from = 1, subjectCount, 1000 do
    local to = from + 999
    if to > subjectCount then to = subjectCount end
    local raws = call('MGET', spread(KEYS, from, to))
    for i = from, to do
      local ok, found = pcall(readSubject, raws[i - from + 1])
      subjects[i] = ok and found
    end
  end
end

local checks, place, row, memory = {}, {}, {}, {}
local waits, lefts, resets, passedMark, refusedMark = {}, {}, {}, {}, {}
local debounceMark, debounceWindow, debounceNotice, openWait, closedWait = {}, {}, {}, {}, {}
local debounces, limits, checkEnd, album, now, grace, tentative
-- Pairs: an index's place in KEYS, and the user to be put into it.
local indexed = {}
local reason, by, wait, closed
local shadowed, shadows, numbers, ANSWERS, PASSES = {}, 0, {}, {}, {}
local reply, replies = { pack('<d', real) }, 1
--[tentative
local marksSet
--]

local function copyOf(state, c)
  return { c.algorithm, c.id, 0, false, state[5], state[6], state[7], state[8], state[9], state[10] }
end
`

const READ_CHECKS = `
local known = {}
for i = 1, checkCount do
  local c = { 0, 0, 0, 0, 0, 0, 0, 0, false, unpack('<BBBBddddddc8I4', blob, at) }
  local length, algorithm, first, second = c.block, c.algorithm
  at = c.next + length
  c.block = sub(blob, at - length, at - 1)
  if algorithm == ${ALGORITHM.settled} or algorithm == ${ALGORITHM.foreign} then
    c.wait, c.remaining, c.resetAfter, first, second, at = unpack('<ddddd', blob, at)
    if algorithm == ${ALGORITHM.foreign} then c.open, c.closed = first, second
    elseif first == first then c.afterCounting = first end
    c.algorithm = 0
  elseif c.limit == 0 then c.capacity = -1
  elseif algorithm == ${ALGORITHM.gcra} or algorithm == ${ALGORITHM['token-bucket']} then c.capacity = c.burst
  else c.capacity = c.limit end
--[gcra
  if algorithm == ${ALGORITHM.gcra} then readGcra(c) end
--]
  known[i] = c
end
`

const READ_DEBOUNCE = `
local where, noted
where, noted, debounceMark[i], debounceWindow[i], at = unpack('<I4Bc8d', blob, at)
debounceNotice[i], memory[i] = false, 0
if noted == 1 then debounceNotice[i], at = unpack('<c8', blob, at) end
if where == 0 then
  place[i] = false
  openWait[i], closedWait[i], at = unpack('<dd', blob, at)
else
  local s = subjects[where]
  place[i] = s
  if not s then broken = where end
end
`

const READ_LIMIT = `
local where, c
if ahead then where, c, ahead = nextWhere, nextCheck, false
elseif album or i == checkEnd then where, c, at = unpack('<I4I4', blob, at)
else
  where, c, nextWhere, nextCheck, at = unpack('<I4I4I4I4', blob, at)
  ahead = true
end
c = known[c]
checks[i], memory[i], resets[i] = c, 0, false
if where == 0 then place[i] = false
else
  local s = subjects[where]
  place[i] = s
  if s then
    -- A bucket's state, unless another algorithm left it there.
    local states, bucket, algorithm = s.states, c.id, c.algorithm
    row[i] = FRESH[algorithm]
    for n = 1, #states do
      local state = states[n]
      if state.bucket == bucket then
        if state.kind == algorithm then row[i] = state end
        break
      end
    end
  else broken = where end
end
`

const READ_ALBUM = 'if album then passedMark[i], refusedMark[i], at = unpack("<c8c8", blob, at) end'

export const BATCH = `
${TENTATIVE}
${READ_CHECKS}
for _ = 1, requestCount do
  local kind, block, registration, notices, extras, actor, home
  kind, block, registration, notices, extras, actor, home, debounces, limits, at = unpack('<BBBBBI4I4HH', blob, at)
  broken, checkEnd, album, now, grace, tentative = nil, debounces + limits, false, real, 0, false
  local index, user, duplicateMark, duplicateWindow
  if extras > 0 then
    if extras % ${2 * EXTRA.clock} >= ${EXTRA.clock} then now, at = unpack('<d', blob, at) grace = DAY end
    if extras % ${2 * EXTRA.duplicate} >= ${EXTRA.duplicate} then duplicateMark, duplicateWindow, at = unpack('<c8d', blob, at) end
    album = extras % ${2 * EXTRA.album} >= ${EXTRA.album}
    if extras >= ${EXTRA.index} then index, user, at = unpack('<I4d', blob, at) end
  end
  local ahead, nextWhere, nextCheck = false, 0, 0
  for i = 1, debounces do
    ${READ_DEBOUNCE}
    ${READ_ALBUM}
  end
  for i = debounces + 1, checkEnd do
    ${READ_LIMIT}
    ${READ_ALBUM}
  end
--[tentative
  local undo = kind == ${KIND.refund} and readUndo()
--]
  if actor > 0 then
    if not subjects[actor] then broken = actor end
    actor = subjects[actor]
  else actor = false end
  if home > 0 then
    if not subjects[home] then broken = home end
    home = subjects[home]
  end
  if broken then
    replies = replies + 1
    reply[replies] = pack('<BI4', ${STATUS.broken}, broken - 1)
  elseif kind == ${KIND.peek} then
    ${LEFT}
    replies = replies + 1
    reply[replies] = pack(${ANSWER_FORMAT}, ${STATUS.ok}, 0, 0, 0, 0, 0, 0, 0, 0, spread(numbers, 1, n))
--[tentative
  elseif kind == ${KIND.refund} then
    ${REFUND}
--]
  else
--[tentative
    local foreseen, before
    tentative = kind == ${KIND.tentative}
    if tentative then
      ${FORESEE}
    end
--]
    ${DECIDE}
--[tentative
    if tentative then
      ${ANSWER_TENTATIVELY}
    end
--]
  end
end
for i = 1, subjectCount do
  local s = subjects[i]
  if s and s.changed then writeSubject(KEYS[i], s) end
end
writePlain()
for i = 1, #indexed, 2 do call('SADD', KEYS[indexed[i]], indexed[i + 1]) end
return concat(reply)
`
