/**
 * Lua: a subject's string, read into a table and written back.
 *
 *     B 1         version
 *     B           what the user has: 1 a block, 2 a registration, 4 a member
 *     I4          deadline: real time (s) from which all of it is garbage, 0xffffffff never
 *     I2          number of states
 *     block       d since, d until (inf: without end), I4 deadline, I4 length, JSON of the rest
 *     registration  d since, I4 length, JSON of the rest
 *     member      d since, d updateId, B reachable
 *     state …     B algorithm, I7 bucket, I4 deadline, its numbers as doubles; a log: I4 units, then their times
 *     mark …      c8 id, d until; up to the end of the string
 *
 * Marks come last, so that one is found by a search for its bytes, however long the logs before it are. Numbers are
 * doubles, as in the kernels: no clock and no rule is too large for them. States that are not touched stay as bytes.
 */

/** Reading; fields are slots (`slots.ts`). */
export const READ_SUBJECT = `
local VERSION, NEVER, MARK = 1, 4294967295, 16
local LOG = 5

-- A deadline in seconds of real time, for what matters so many ms more.
local function deadlineIn(ms)
  local deadline = ceil((real + ms) / 1000)
  if deadline < NEVER then return deadline end
  return NEVER
end

local function readUser(s, raw, has, at)
  local length
  if has % 2 == 1 then
    s.blockSince, s.blockUntil, s.blockDeadline, length, at = unpack('<ddI4I4', raw, at)
    s.blockRest, at = sub(raw, at, at + length - 1), at + length
  end
  if has % 4 > 1 then
    s.registeredSince, length, at = unpack('<dI4', raw, at)
    if length > 0 then s.registeredRest, at = sub(raw, at, at + length - 1), at + length end
  end
  if has > 3 then s.memberSince, s.memberUpdate, s.memberReachable, at = unpack('<ddB', raw, at) end
  s.has, s.userEnd = has, at - 1
  return at
end

-- One state, and where it ends. A log's times stay in the string: \`kept\` of them in \`source\` at \`from\`, the others in \`tail\`.
local function readState(raw, at)
  local kind, bucket, ends, a, after = unpack('<BI7I4d', raw, at)
  if kind == 1 then return { kind, bucket, ends, at, a }, after end
  if kind == LOG then
    local units = unpack('<I4', raw, at + 12)
    after = at + 16 + 8 * units
    if after > #raw + 1 then error('a log ends too soon') end
    return { kind, bucket, ends, at, units, raw, at + 16, units, '' }, after
  end
  local b, c
  if kind == 4 then
    b, c, after = unpack('<dd', raw, after)
    return { kind, bucket, ends, at, a, b, c }, after
  end
  if kind == 0 or kind > LOG then error('a state is of no known kind') end
  b, after = unpack('<d', raw, after)
  return { kind, bucket, ends, at, a, b }, after
end

local function readSubject(raw)
  if not raw then return { 0, {}, '', 0, huge, false, false, 0, 8, false, '' } end
  local version, has, expires, count, at = unpack('<BBI4H', raw)
  if version ~= VERSION or has > 7 then error('it is of no known version') end
  local states = {}
  local s = { expires, states, '', 0, huge, false, raw, 0, 8, false, '' }
  if has > 0 then at = readUser(s, raw, has, at) end
  if count == 2 then
    local first, second
    first, at = readState(raw, at)
    second, at = readState(raw, at)
    states[1], states[2] = first, second
  else
    for i = 1, count do states[i], at = readState(raw, at) end
  end
  local bytes = #raw + 1 - at
  if bytes > 0 then s.marks, s.marksBefore = sub(raw, at), bytes end
  if bytes % MARK > 0 then error('a mark ends too soon') end
  return s
end

local function findState(s, bucket)
  local states = s.states
  for i = 1, #states do
    local state = states[i]
    if state.bucket == bucket then return state, i end
  end
end
`
