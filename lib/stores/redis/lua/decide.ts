/** Lua: reads a batch of requests as `codec.ts` writes them, judges one after another, and writes what changed once. */
import { ALGORITHM, REASON, REGISTRATION, STATUS } from '../wire'

export const DECIDE = `
local blob, at = ARGV[1], 1
local subjectCount, checkCount, requestCount
subjectCount, checkCount, requestCount, at = unpack('<I4I4I4', blob)

local raws, subjects = {}, {}
if subjectCount <= 1000 then
  if subjectCount > 0 then raws = call('MGET', spread(KEYS, 1, subjectCount)) end
else
  for i = 1, subjectCount do raws[i] = call('GET', KEYS[i]) end
end

-- The key that could not be read, if any.
local broken
local function subject(i)
  local s = subjects[i]
  if s == nil then
    local ok, found = pcall(readSubject, raws[i])
    s = ok and found
    subjects[i] = s
  end
  if not s then broken = i end
  return s
end

local function readCheck()
  local algorithm, counts, shadow, notice, id, limit, window, burst, cost, blockFor, noticeMark, length
  algorithm, counts, shadow, notice, id, limit, window, burst, cost, blockFor, noticeMark, length, at =
    unpack('<BBBBddddddc8I4', blob, at)
  local block = ''
  if length > 0 then block, at = sub(blob, at, at + length - 1), at + length end
  local c = {
    algorithm = algorithm, id = id, limit = limit, window = window, burst = burst, cost = cost, blockFor = blockFor,
    countRefused = counts == 1, shadow = shadow == 1, notice = notice == 1, noticeMark = noticeMark, block = block,
    capacity = limit, scale = 0, interval = 0,
  }
  prepare(c)
  if (c.algorithm == ${ALGORITHM.gcra} or c.algorithm == ${ALGORITHM['token-bucket']}) and c.limit > 0 then c.capacity = c.burst end
  if c.algorithm == ${ALGORITHM.settled} or c.algorithm == ${ALGORITHM.foreign} then
    local first, second
    c.wait, c.remaining, c.resetAfter, first, second, at = unpack('<ddddd', blob, at)
    if c.algorithm == ${ALGORITHM.foreign} then c.open, c.closed = first, second
    elseif first == first then c.afterCounting = first end
    c.algorithm = 0
  elseif c.limit == 0 then c.capacity = -1 end
  return c
end

local known = {}
for i = 1, checkCount do known[i] = readCheck() end

-- Debounces come with their request, so their tables are used anew by every request.
local drafts = {}
local function readDebounce(i)
  local c = drafts[i]
  if not c then
    c = { mark = '', window = 0, notice = false, noticeMark = '', open = 0, closed = 0 }
    drafts[i] = c
  end
  local where, notice
  where, notice, c.mark, c.window, at = unpack('<I4Bc8d', blob, at)
  c.notice = notice == 1
  if c.notice then c.noticeMark, at = unpack('<c8', blob, at) end
  checks[i] = c
  if where == 0 then
    place[i] = false
    c.open, c.closed, at = unpack('<dd', blob, at)
  else place[i] = subjects[where] or subject(where) end
end

local function readLimit(i)
  local where, c
  where, c, at = unpack('<I4I4', blob, at)
  c = known[c]
  checks[i] = c
  memory[i], resets[i] = 0, false
  if where == 0 then
    place[i] = false
    return
  end
  local s = subjects[where] or subject(where)
  place[i] = s
  if not s then return end
  -- A bucket's state, unless another algorithm left it there.
  local state = findState(s, c.id)
  if not state or state.kind ~= c.algorithm then state = FRESH[c.algorithm] end
  row[i] = state
end

local numbers, HEADS = {}, {}
local function replyHead(count)
  local format = HEADS[count]
  if not format then
    format = '<BBHdBHHdI4' .. rep('d', 2 * count)
    HEADS[count] = format
  end
  return format
end

-- What is left of each limit.
local function leftOf()
  local n = 0
  for i = debounces + 1, debounces + limits do
    local c = checks[i]
    local algorithm, reset = c.algorithm, resets[i]
    if reset then numbers[n + 1], numbers[n + 2] = lefts[i], reset
    elseif algorithm == 0 then numbers[n + 1], numbers[n + 2] = c.remaining, c.resetAfter
    else
      numbers[n + 1] = c.limit == 0 and 0 or REMAINING[algorithm](row[i], c, now)
      numbers[n + 2] = RESET[algorithm](row[i], c, now)
    end
    n = n + 2
  end
  return n
end

local reply, replies = { pack('<d', real) }, 1
local function answer(text)
  replies = replies + 1
  reply[replies] = text
end

local function decide(actor, home, index, user, block, registration, notices, duplicateMark, duplicateWindow)
  reason, by, wait, closed = 0, 0, 0, false
  if duplicateMark then
    local till = markOf(home, duplicateMark)
    if till > now then fail(${REASON.duplicate}, 0, till - now) end
  end
  if block == 1 and actor.blockUntil and actor.blockUntil > now then fail(${REASON.blocked}, 0, actor.blockUntil - now) end
  local since, rest = -huge, ''
  if registration > 0 then
    if actor.registeredSince then since, rest = actor.registeredSince, actor.registeredRest
    elseif registration == ${REGISTRATION.ask} and reason == 0 then 
      reason = ${REASON.unregistered}
      return answer(pack('<B', ${STATUS.unasked}))
    elseif registration == ${REGISTRATION.required} then fail(${REASON.unregistered}, 0, huge) end
  end
  closed = reason ~= 0
  for i = 1, debounces do judgeDebounce(i) end
  shadows = 0
  for i = debounces + 1, debounces + limits do
    -- Mostly a limit has room and there is no album: then there is nothing more to say.
    if album or not place[i] or waitOf(row[i], checks[i], now) ~= 0 then judgeLimit(i) else waits[i] = 0 end
  end
  local blocked, notice = nil, false
  if reason == 0 then consume(home, duplicateMark, duplicateWindow)
  elseif not tentative then
    blocked = not closed and blockFor(actor, index, user)
    notice = claimNotice(actor, notices)
  end
  local n = leftOf()
  replies = replies + 1
  reply[replies] = pack(replyHead(limits), ${STATUS.ok}, reason, by, wait, notice and 1 or 0, blocked and blocked - debounces or 0, shadows,
    since, #rest, spread(numbers, 1, n))
  if rest ~= '' then answer(rest) end
  for i = 1, shadows do answer(shadowed[i]) end
end
`
