/** Lua: one decision, from what its request says to its answer. */
import { REASON, REGISTRATION, STATUS } from '../wire'
import { BLOCK_FOR, CLAIM_NOTICE, CONSUME, fail, JUDGE_DEBOUNCE, JUDGE_LIMIT } from './judge'

/** What is left of each limit, into \`numbers\`. */
export const LEFT = `
local n = 0
for i = debounces + 1, checkEnd do
  local c, reset = checks[i], resets[i]
  if reset then numbers[n + 1], numbers[n + 2] = lefts[i], reset
  elseif c.algorithm == 0 then numbers[n + 1], numbers[n + 2] = c.remaining, c.resetAfter
  else numbers[n + 1], numbers[n + 2] = leftIn(c.algorithm, row[i], c, now) end
  n = n + 2
end
`

export const ANSWER_FORMAT = "'<BBHdBHHdI4' .. rep('d', n)"

export const DECIDE = `
reason, by, wait, closed, shadows = 0, 0, 0, false, 0
local unasked, blocked, notice, since, rest = false, 0, 0, -huge, ''
if duplicateMark then
  local till = markOf(home, duplicateMark)
  if till > now then ${fail(REASON.duplicate, '0', '(till - now)')} end
end
if block == 1 and actor.blockUntil and actor.blockUntil > now then ${fail(REASON.blocked, '0', '(actor.blockUntil - now)')} end
if registration > 0 then
  if actor.registeredSince then since, rest = actor.registeredSince, actor.registeredRest
  elseif registration == ${REGISTRATION.ask} and reason == 0 then unasked, reason = true, ${REASON.unregistered}
  elseif registration == ${REGISTRATION.required} then ${fail(REASON.unregistered, '0', 'huge')} end
end
if unasked then
  replies = replies + 1
  reply[replies] = '\\${STATUS.unasked}'
else
  closed = reason ~= 0
  for i = 1, debounces do
    ${JUDGE_DEBOUNCE}
  end
  for i = debounces + 1, checkEnd do
    -- Mostly a limit has room and there is no album: then there is nothing more to say.
    if not album and place[i] and waitOf(row[i], checks[i], now) == 0 then waits[i] = 0
    else
      ${JUDGE_LIMIT}
    end
  end
  if reason == 0 then
    ${CONSUME}
  elseif not tentative then
    if not closed then
      ${BLOCK_FOR}
    end
    ${CLAIM_NOTICE}
  end
  ${LEFT}
  replies = replies + 1
  if reason == 0 and shadows == 0 and rest == '' then
    -- Most have passed, and there is no more to say.
    local format = PASSES[n]
    if not format then
      format = '<Bd' .. rep('d', n)
      PASSES[n] = format
    end
    reply[replies] = pack(format, ${STATUS.passed}, since, spread(numbers, 1, n))
  else
    local format = ANSWERS[n]
    if not format then
      format = ${ANSWER_FORMAT}
      ANSWERS[n] = format
    end
    reply[replies] = pack(format, ${STATUS.ok}, reason, by, wait, notice, blocked, shadows, since, #rest, spread(numbers, 1, n))
    if rest ~= '' then
      replies = replies + 1
      reply[replies] = rest
    end
    for i = 1, shadows do reply[replies + i] = shadowed[i] end
    replies = replies + shadows
  end
end
`
