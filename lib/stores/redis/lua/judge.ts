/**
 * Lua: `judge.ts`, check by check. What one request says stands in arrays that every request uses anew: `place` (the
 * subject; of a foreign check none), `row` (the state), `memory` (of the album: 0 none, 1 passed, 2 refused).
 */
import { mix53 } from '../../../keys'
import { ALBUM_MEMORY, NOTICE_CODE, NOTICE_MEMORY } from '../../judge'
import { REASON } from '../wire'

const doubleOf = (value: number): string => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return [...bytes].map((byte) => `\\${byte.toString().padStart(3, '0')}`).join('')
}

export const JUDGE = `
local checks, place, row, memory = {}, {}, {}, {}
local waits, lefts, resets, passedMark, refusedMark = {}, {}, {}, {}, {}
local debounces, limits, album, now, grace, tentative
-- Pairs: an index's place in KEYS, and the user to be put into it.
local indexed = {}
local reason, by, wait, closed
local shadowed, shadows = {}, 0

local function fail(what, check, ms)
  if ms > wait then wait = ms end
  if reason == 0 then reason, by = what, check end
end

local function recall(i)
  local s = place[i]
  if markOf(s, passedMark[i]) > now then return 1 end
  if markOf(s, refusedMark[i]) > now then return 2 end
  return 0
end

-- ms for which this check goes on to refuse the album; remembers it, once.
local function refusedAlbum(i)
  if not album then return 0 end
  local till = markOf(place[i], refusedMark[i])
  if till > now then return till - now end
  if closed then return 0 end
  if not tentative then
    setMark(place[i], refusedMark[i], now + ${ALBUM_MEMORY}, now, grace)
    memory[i] = 2
  end
  return ${ALBUM_MEMORY}
end

local function judgeDebounce(i)
  local c, s = checks[i], place[i]
  if not s then
    local ms = closed and c.closed or c.open
    if ms ~= 0 then fail(${REASON.debounced}, i, ms) end
    return
  end
  if album then
    memory[i] = recall(i)
    if memory[i] == 1 then return end
  end
  local till = markOf(s, c.mark)
  if memory[i] == 0 and till <= now then return end
  local ms, again = till - now, refusedAlbum(i)
  if again > ms then ms = again end
  fail(${REASON.debounced}, i, ms)
end

-- Charges a check's cost, passed or not.
local function charge(i, c)
  local algorithm, cost = c.algorithm, c.cost
  if algorithm == 0 or cost == 0 or c.limit == 0 then return end
  local s, state = place[i], row[i]
  if state == FRESH[algorithm] then
    local _, index = findState(s, c.id)
    state = copyOf(state, c)
    s.states[index or #s.states + 1] = state
    row[i] = state
  end
  local left, reset = CHARGE[algorithm](state, c, now)
  lefts[i], resets[i] = left, reset
  state.at = false
  state.ends = keepFor(s, reset + grace)
end

local function waitCounted(i, c)
  if c.algorithm == 0 then return c.afterCounting or c.wait end
  if not tentative then
    charge(i, c)
    return waitOf(row[i], c, now)
  end
  local copy = copyOf(row[i], c)
  if c.cost > 0 and c.limit > 0 then CHARGE[c.algorithm](copy, c, now) end
  return waitOf(copy, c, now)
end

local function judgeLimit(i)
  local c, s = checks[i], place[i]
  local ms
  if s then
    if album then
      memory[i] = recall(i)
      if memory[i] == 1 then return end
    end
    ms = waitOf(row[i], c, now)
    waits[i] = ms
    if ms == 0 and memory[i] == 0 then return end
    if c.countRefused and not closed and memory[i] == 0 then ms = waitCounted(i, c) end
    local again = refusedAlbum(i)
    if again > ms then ms = again end
  else
    waits[i] = c.wait
    ms = closed and c.closed or c.open
    if ms == 0 then return end
  end
  if not c.shadow then fail(${REASON.limited}, i, ms)
  elseif not closed then
    shadows = shadows + 1
    shadowed[shadows] = pack('<Hd', i - debounces - 1, ms)
  end
end

local function setNoted(_, s, id, till)
  setMark(s, id, till, now, grace)
end
local note = setNoted

-- The update is allowed: every bucket is charged, every mark set.
local function consume(home, duplicateMark, duplicateWindow)
  if duplicateMark then note(0, home, duplicateMark, now + duplicateWindow) end
  for i = 1, debounces do
    local c, s = checks[i], place[i]
    if s and memory[i] ~= 1 then
      note(i, s, c.mark, now + c.window)
      if album then note(i, s, passedMark[i], now + ${ALBUM_MEMORY}) end
    end
  end
  for i = debounces + 1, debounces + limits do
    local c, s = checks[i], place[i]
    if s and memory[i] == 0 and not (c.shadow and waits[i] > 0) then
      charge(i, c)
      if album then note(i, s, passedMark[i], now + ${ALBUM_MEMORY}) end
    end
  end
end

-- The longest blockFor of the limits that refuse becomes a block, unless a longer one stands. Which check's, or nil.
local function blockFor(actor, index, user)
  local longest, length = nil, 0
  for i = debounces + 1, debounces + limits do
    local c = checks[i]
    if c.blockFor > length and not c.shadow and memory[i] ~= 1 and waits[i] > 0 then longest, length = i, c.blockFor end
  end
  if not longest or not actor then return nil end
  if length > wait then wait = length end
  local till = now + length
  if actor.blockUntil and actor.blockUntil > now and actor.blockUntil >= till then return nil end
  actor.blockSince, actor.blockUntil, actor.blockRest = now, till, checks[longest].block
  actor.blockDeadline = keepFor(actor, length + DAY)
  actor.userChanged = true
  indexed[#indexed + 1] = index
  indexed[#indexed + 1] = string.format('%.0f', user)
  return longest
end

local function claimNotice(actor, wanted)
  if wanted == 0 or not actor or reason == ${REASON.duplicate} then return false end
  local mark, silence = nil, ${NOTICE_MEMORY}
  if reason == ${REASON.blocked} then mark = wanted % 4 > 1 and '${doubleOf(mix53(NOTICE_CODE.blocked, 0))}'
  elseif reason == ${REASON.unregistered} then mark = wanted > 3 and '${doubleOf(mix53(NOTICE_CODE.unregistered, 0))}'
  else
    local c = checks[by]
    mark = c.notice and c.noticeMark
    if reason == ${REASON.limited} then silence = c.window end
  end
  if not mark or markOf(actor, mark) > now then return false end
  setMark(actor, mark, now + silence, now, grace)
  return true
end
`
