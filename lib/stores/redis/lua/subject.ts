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
 *     state …     B algorithm, I7 bucket, I4 deadline, I4 units of a log, doubles: its numbers, or the times of its units
 *     mark …      c8 id, d until; up to the end of the string
 *
 * Marks come last, so that one is found by a search for its bytes, however long the logs before it are. Numbers are
 * doubles, as in the kernels: no clock and no rule is too large for them. What is not touched stays as bytes: Redis' Lua looks at
 * every byte of every string that is made, so that copies are what strings cost. Hence marks stay where they are (`marks` from
 * `marksFrom` on), and new ones are `added`.
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

local FORMATS = { '<BI7I4I4d', '<BI7I4I4dd', '<BI7I4I4dd', '<BI7I4I4ddd' }

-- So many states, and where they end. A log's times stay in the string: \`kept\` of them in \`source\` at \`from\`, the others in \`tail\`.
local function readStates(raw, at, count)
  local states = {}
  for i = 1, count do
    local kind, bucket, ends, units, first = unpack('<BI7I4I4d', raw, at)
    if kind == LOG then
      states[i] = { LOG, bucket, ends, at, units, raw, at + 16, units, '', first }
      at = at + 16 + 8 * units
    else
      local b, c
      if kind == 4 then b, c = unpack('<dd', raw, at + 24)
      elseif kind ~= 1 then b = unpack('<d', raw, at + 24) end
      states[i] = { kind, bucket, ends, at, first, b, c }
      at = at + 8 * #FORMATS[kind] - 48
    end
  end
  return states, at
end

local function readSubject(raw)
  if not raw then return { 0, {}, '', 1, '', 0, huge, false, false, 0, 8, false, '' } end
  -- Mostly a user has a registration and nothing else, and nothing that we write is too short for one.
  local version, has, expires, count, since, length, at = unpack('<BBI4HdI4', raw)
  if version ~= VERSION or has > 7 then error('it is of no known version') end
  local s = { expires, false, raw, 0, '', 0, huge, false, raw, has, 8, false, '' }
  if has ~= 2 then at = 9 end
  if has % 2 == 1 then
    s.blockSince, s.blockUntil, s.blockDeadline, length, at = unpack('<ddI4I4', raw, at)
    s.blockRest, at = sub(raw, at, at + length - 1), at + length
  end
  if has % 4 > 1 then
    if has ~= 2 then since, length, at = unpack('<dI4', raw, at) end
    s.registeredSince = since
    if length > 0 then s.registeredRest, at = sub(raw, at, at + length - 1), at + length end
  end
  if has > 3 then s.memberSince, s.memberUpdate, s.memberReachable, at = unpack('<ddB', raw, at) end
  s.userEnd = at - 1
  s.states, at = readStates(raw, at, count)
  local bytes = #raw + 1 - at
  if bytes < 0 or bytes % MARK > 0 then error('it ends too soon') end
  s.marksFrom, s.marksBefore = at, bytes
  return s
end
`

export const FIND_STATE = `
local function findState(s, bucket)
  local states = s.states
  for i = 1, #states do
    local state = states[i]
    if state.bucket == bucket then return state, i end
  end
end
`
