/** Lua: what only a Cluster asks for: decisions that can be taken back. In the scripts of those who have asked for one. */
import { STATUS } from '../wire'
import { JUDGE_DEBOUNCE, JUDGE_LIMIT } from './judge'

/** What a tentative decision says of each check, whether or not it passed: asked before anything is charged. */
export const FORESEE = `
local parts = {}
for i = 1, checkEnd do
  local outcomes = {}
  memory[i] = 0
  for turn = 1, 2 do
    reason, by, wait, closed = 0, 0, 0, turn == 2
    waits[i] = 0
    if i <= debounces then
      ${JUDGE_DEBOUNCE}
    else
      local held = checks[i]
      local shadow = held.shadow
      held.shadow = 0
      ${JUDGE_LIMIT}
      c.shadow = shadow
    end
    outcomes[turn] = wait
  end
  local remaining, reset = 0, 0
  if i > debounces then
    local c = checks[i]
    if c.algorithm == 0 then remaining, reset = c.remaining, c.resetAfter
    else remaining, reset = leftIn(c.algorithm, row[i], c, now) end
  end
  parts[i] = pack('<ddddd', outcomes[1], outcomes[2], waits[i], remaining, reset)
end
foreseen, before, marksSet = concat(parts), {}, {}
for i = debounces + 1, checkEnd do memory[i], before[i] = 0, bytesOf(i) end
`

/** What it did, so that it can be taken back. */
export const ANSWER_TENTATIVELY = `
local changes, charged = {}, 0
if reason == 0 then
  for i = debounces + 1, checkEnd do
    if resets[i] then
      local former, after = before[i] or '', before[i] and bytesOf(i) or ''
      charged = charged + 1
      changes[charged] = pack('<HI4', i - debounces - 1, #former) .. former .. pack('<I4', #after) .. after
    end
  end
end
reply[replies + 1] = foreseen .. pack('<HH', charged, #marksSet)
reply[replies + 2] = concat(changes)
reply[replies + 3] = concat(marksSet)
replies = replies + 3
`

/** A mark that was set anew since stays. */
export const REFUND = `
refundLimits(now, undo)
for i = 1, #undo.marks do
  local m = undo.marks[i]
  local found, at, added = markOf(m.place, m.id)
  if found == m.till then
    if m.before == -huge then dropMark(m.place, at, added)
    else setMark(m.place, m.id, m.before, 0) end
  end
end
replies = replies + 1
reply[replies] = '\\${STATUS.ok}'
`

export const TENTATIVE = `
--[tentative
-- The bytes of what a bucket holds, whichever algorithm's, '' of nothing; nil of a log too long to be sent about.
local function bytesOf(i)
  local c, s = checks[i], place[i]
  local state = s and findState(s, c.id)
  if not state then return '' end
  if state.kind == LOG and state.units > 64 then return nil end
  return stateBytes(state)
end

local function readBytes()
  local length
  length, at = unpack('<I4', blob, at)
  local bytes = sub(blob, at, at + length - 1)
  at = at + length
  return bytes
end

local function readUndo()
  local undo, count = { marks = {} }, nil
  for i = debounces + 1, checkEnd do undo[i] = { before = readBytes(), after = readBytes() } end
  count, at = unpack('<H', blob, at)
  for i = 1, count do
    local m = {}
    m.place, m.id, m.till, m.before, at = unpack('<I4c8dd', blob, at)
    if not subjects[m.place] then broken = m.place end
    m.place = subjects[m.place]
    undo.marks[i] = m
  end
  return undo
end

-- Puts a state back, if it is as the charge has left it.
local function restored(s, c, i, before, after)
  if after == '' or bytesOf(i) ~= after then return false end
  local _, position = findState(s, c.id)
  s.changed = true
  if before == '' then table.remove(s.states, position)
  else
    local state = readStates(before, 1, 1)[1]
    state.at = false
    s.states[position] = state
  end
  return true
end

local function refundLimits(when, undo)
  for i = debounces + 1, checkEnd do
    local c, s = checks[i], place[i]
    local held, index = findState(s, c.id)
    if held and held.kind == c.algorithm and not restored(s, c, i, undo[i].before, undo[i].after) then
      refundTo(c.algorithm, held, c, when)
      held.at = false
      local _, left = leftIn(c.algorithm, held, c, when)
      if left <= 0 then
        table.remove(s.states, index)
        s.changed = true
      else held.ends = keepFor(s, left + grace) end
    end
  end
end

local function dropMark(s, at, added)
  if added then s.added = sub(s.added, 1, at - 1) .. sub(s.added, at + MARK)
  else s.marks, s.marksFrom = sub(s.marks, s.marksFrom, at - 1) .. sub(s.marks, at + MARK), 1 end
  s.changed = true
end
--]
`
