/** Lua: what only a Cluster asks for: decisions that can be taken back. Made when the first of them comes. */
import { STATUS } from '../wire'

export const TENTATIVELY = `
local function tentativeParts()

-- What a tentative decision says of each check, whether or not it passed: asked before anything is charged.
local function foresee()
  local parts = {}
  tentative = true
  for i = 1, debounces + limits do
    local c, outcomes = checks[i], {}
    memory[i] = 0
    for turn = 1, 2 do
      reason, by, wait, closed = 0, 0, 0, turn == 2
      waits[i] = 0
      if i <= debounces then judgeDebounce(i)
      else
        local shadow = c.shadow
        c.shadow = false
        judgeLimit(i)
        c.shadow = shadow
      end
      outcomes[turn] = wait
    end
    local remaining, reset = 0, 0
    if i > debounces then
      if c.algorithm == 0 then remaining, reset = c.remaining, c.resetAfter
      else
        remaining = c.limit == 0 and 0 or REMAINING[c.algorithm](row[i], c, now)
        reset = RESET[c.algorithm](row[i], c, now)
      end
    end
    parts[i] = pack('<ddddd', outcomes[1], outcomes[2], waits[i], remaining, reset)
  end
  return concat(parts)
end

-- The bytes of what a bucket holds, whichever algorithm's, '' of nothing; nil of a log too long to be sent about.
local function bytesOf(i)
  local c, s = checks[i], place[i]
  local state = s and findState(s, c.id)
  if not state then return '' end
  if state.kind == LOG and state.units > 64 then return nil end
  return stateBytes(s, state)
end

-- A tentative decision tells what it did, so that it can be taken back.
local function decideTentatively(...)
  local foreseen = foresee()
  local charged, marks, before = {}, {}, {}
  note = function(i, s, id, till)
    marks[#marks + 1] = pack('<Hc8dd', i, id, till, (markOf(s, id)))
    setMark(s, id, till, now, grace)
  end
  for i = debounces + 1, debounces + limits do memory[i], before[i] = 0, bytesOf(i) end
  decide(...)
  note = setNoted
  answer(foreseen)
  if reason ~= 0 then return answer(pack('<HH', 0, 0)) end
  for i = debounces + 1, debounces + limits do
    if resets[i] then
      local former, after = before[i] or '', before[i] and bytesOf(i) or ''
      charged[#charged + 1] = pack('<HI4', i - debounces - 1, #former) .. former .. pack('<I4', #after) .. after
    end
  end
  answer(pack('<HH', #charged, #marks))
  for i = 1, #charged do answer(charged[i]) end
  for i = 1, #marks do answer(marks[i]) end
end

local function readBytes()
  local length
  length, at = unpack('<I4', blob, at)
  local bytes = sub(blob, at, at + length - 1)
  at = at + length
  return bytes
end

-- Puts a state back, if it is as the charge has left it.
local function restored(s, c, index, before, after)
  if after == '' or bytesOf(index) ~= after then return false end
  local _, position = findState(s, c.id)
  s.changed = true
  if before == '' then table.remove(s.states, position)
  else
    local state = readState(before, 1)
    state.at = false
    s.states[position] = state
  end
  return true
end

local function refundLimits(when, undo)
  for i = debounces + 1, debounces + limits do
    local c, s = checks[i], place[i]
    local held, index = findState(s, c.id)
    if held and held.kind == c.algorithm and not restored(s, c, i, undo[i].before, undo[i].after) then
      REFUND[c.algorithm](held, c, when)
      held.at = false
      local left = RESET[c.algorithm](held, c, when)
      if left <= 0 then
        table.remove(s.states, index)
        s.changed = true
      else held.ends = keepFor(s, left + grace) end
    end
  end
end

-- A mark that was set anew since stays.
local function refundMark(s, id, till, before)
  local found, place = markOf(s, id)
  if found ~= till then return end
  if before == -huge then
    s.marks = sub(s.marks, 1, place - 1) .. sub(s.marks, place + MARK)
    s.changed = true
  else setMark(s, id, before, now, grace)
  end
end

local function readUndo()
  local undo, count = {}, nil
  for i = debounces + 1, debounces + limits do undo[i] = { before = readBytes(), after = readBytes() } end
  count, at = unpack('<H', blob, at)
  for i = 1, count do
    local m = {}
    m.place, m.id, m.till, m.before, at = unpack('<I4c8dd', blob, at)
    m.place = subject(m.place)
    undo[#undo + 1] = m
  end
  undo.marks = count
  return undo
end

local function refundAll(undo)
  refundLimits(now, undo)
  for i = limits + 1, limits + undo.marks do refundMark(undo[i].place, undo[i].id, undo[i].till, undo[i].before) end
  return answer(pack('<B', ${STATUS.ok}))
end

return decideTentatively, readUndo, refundAll
end
`
