/**
 * Lua: `judge.ts`, check by check. What one request says stands in arrays that every request uses anew: `place` (the
 * subject; of a foreign check none), `row` (the state), `memory` (of the album: 0 none, 1 passed, 2 refused). What is done in
 * one place is no function: a script makes its functions for every call.
 */
import { mix53 } from '../../../keys'
import { ALBUM_MEMORY, NOTICE_CODE, NOTICE_MEMORY } from '../../judge'
import { REASON } from '../wire'

const doubleOf = (value: number): string => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return [...bytes].map((byte) => `\\${byte.toString().padStart(3, '0')}`).join('')
}

export const fail = (reason: number, check: string, ms: string): string =>
  `if ${ms} > wait then wait = ${ms} end if reason == 0 then reason, by = ${reason}, ${check} end`

/** What the album of check \`i\` remembers. */
const RECALL = `
if album then
  if markOf(s, passedMark[i]) > now then memory[i] = 1
  elseif markOf(s, refusedMark[i]) > now then memory[i] = 2
  else memory[i] = 0 end
end
`

/** Makes \`ms\` how long check \`i\` goes on to refuse the album, if that is longer; remembers it, once. */
const REFUSED_ALBUM = `
if album and s then
  local till = markOf(s, refusedMark[i])
  local again = 0
  if till > now then again = till - now
  elseif not closed then
    again = ${ALBUM_MEMORY}
    if not tentative then
      setMark(s, refusedMark[i], now + ${ALBUM_MEMORY}, i)
      memory[i] = 2
    end
  end
  if again > ms then ms = again end
end
`

/** Charges check \`i\`, \`c\`, whose subject is \`s\`: passed or not. */
const CHARGE = `
local algorithm = c.algorithm
if algorithm ~= 0 and c.cost ~= 0 and c.limit ~= 0 then
  local state = row[i]
  if state == FRESH[algorithm] then
    local _, index = findState(s, c.id)
    state = copyOf(state, c)
    s.states[index or #s.states + 1] = state
    row[i] = state
  end
  local left, reset = chargeTo(algorithm, state, c, now)
  lefts[i], resets[i] = left, reset
  state.at = false
  state.ends = keepFor(s, reset + grace)
end
`

export const JUDGE_DEBOUNCE = `
local s = place[i]
if s then
  ${RECALL}
  if memory[i] ~= 1 then
    local till = markOf(s, debounceMark[i])
    if memory[i] ~= 0 or till > now then
      local ms = till - now
      ${REFUSED_ALBUM}
      ${fail(REASON.debounced, 'i', 'ms')}
    end
  end
else
  local ms = closed and closedWait[i] or openWait[i]
  if ms ~= 0 then ${fail(REASON.debounced, 'i', 'ms')} end
end
`

export const JUDGE_LIMIT = `
local c, s, ms = checks[i], place[i], nil
if s then
  ${RECALL}
  if memory[i] ~= 1 then
    local alone = waitOf(row[i], c, now)
    waits[i] = alone
    if alone ~= 0 or memory[i] ~= 0 then
      ms = alone
      if c.countRefused == 1 and not closed and memory[i] == 0 then
        if c.algorithm == 0 then ms = c.afterCounting or ms
        elseif tentative then
          local copy = copyOf(row[i], c)
          if c.cost > 0 and c.limit > 0 then chargeTo(c.algorithm, copy, c, now) end
          ms = waitOf(copy, c, now)
        else
          ${CHARGE}
          ms = waitOf(row[i], c, now)
        end
      end
      ${REFUSED_ALBUM}
    end
  end
else
  waits[i] = c.wait
  ms = closed and c.closed or c.open
  if ms == 0 then ms = nil end
end
if ms then
  if c.shadow == 0 then ${fail(REASON.limited, 'i', 'ms')}
  elseif not closed then
    shadows = shadows + 1
    shadowed[shadows] = pack('<Hd', i - debounces - 1, ms)
  end
end
`

/** The update is allowed: every bucket is charged, every mark set. */
export const CONSUME = `
if duplicateMark then setMark(home, duplicateMark, now + duplicateWindow, 0) end
for i = 1, debounces do
  local s = place[i]
  if s and memory[i] ~= 1 then
    setMark(s, debounceMark[i], now + debounceWindow[i], i)
    if album then setMark(s, passedMark[i], now + ${ALBUM_MEMORY}, i) end
  end
end
for i = debounces + 1, checkEnd do
  local c, s = checks[i], place[i]
  if s and memory[i] == 0 and (c.shadow == 0 or waits[i] == 0) then
    ${CHARGE}
    if album then setMark(s, passedMark[i], now + ${ALBUM_MEMORY}, i) end
  end
end
`

/** The longest blockFor of the limits that refuse becomes a block, unless a longer one stands. */
export const BLOCK_FOR = `
local longest, length = nil, 0
for i = debounces + 1, checkEnd do
  local c = checks[i]
  if c.blockFor > length and c.shadow == 0 and memory[i] ~= 1 and waits[i] > 0 then longest, length = i, c.blockFor end
end
if longest and actor then
  if length > wait then wait = length end
  local till = now + length
  if not actor.blockUntil or actor.blockUntil <= now or actor.blockUntil < till then
    local c = checks[longest]
    actor.blockSince, actor.blockUntil, actor.blockRest = now, till, c.block
    actor.blockDeadline = keepFor(actor, length + DAY)
    actor.userChanged = true
    indexed[#indexed + 1] = index
    indexed[#indexed + 1] = string.format('%.0f', user)
    blocked = longest - debounces
  end
end
`

export const CLAIM_NOTICE = `
if notices ~= 0 and actor and reason ~= ${REASON.duplicate} then
  local mark, silence = nil, ${NOTICE_MEMORY}
  if reason == ${REASON.blocked} then mark = notices % 4 > 1 and '${doubleOf(mix53(NOTICE_CODE.blocked, 0))}'
  elseif reason == ${REASON.unregistered} then mark = notices > 3 and '${doubleOf(mix53(NOTICE_CODE.unregistered, 0))}'
  elseif reason == ${REASON.debounced} then mark = debounceNotice[by]
  else
    local c = checks[by]
    mark, silence = c.notice == 1 and c.noticeMark, c.window
  end
  if mark and markOf(actor, mark) <= now then
    setMark(actor, mark, now + silence, 0)
    notice = 1
  end
end
`
