/** Lua: the two sliding algorithms, as `kernels.ts`. */
import type { Kernel } from './kernels'

/** sliding counter: a, start of the current window; b, units in the one before; c, units in it. */
export const SLIDING_COUNTER: Kernel = {
  own: `
FRESH[4] = { 4, 0, 0, false, LONG_AGO, 0, 0 }

local function counterAt(state, window, now)
  local present, stored = floor(now / window), floor(state.a / window)
  local steps = present - stored
  if steps <= 0 then return state.b, state.c, stored * window end
  if steps == 1 then return state.c, 0, present * window end
  return 0, 0, present * window
end

local function counterLeft(c, now, previous, current, start)
  local window, elapsed = c.window, now - start
  if elapsed < 0 then elapsed = 0 end
  local left, reset = c.limit - current - ceil(previous * (window - elapsed) / window), 0
  if left < 0 then left = 0 end
  if current > 0 then reset = start + 2 * window - now
  elseif previous > 0 then reset = start + window - now end
  return left, reset
end
`,
  wait: `
local limit, window, cost = c.limit, c.window, c.cost
local previous, current, start = counterAt(state, window, now)
local room = limit - current - cost
if room >= previous then return 0 end
local elapsed = now - start
if elapsed < 0 then elapsed = 0 end
if previous * (window - elapsed) <= room * window then return 0 end
if room >= 0 then return start + window - floor(room * window / previous) - now end
local covered = floor((limit - cost) * window / current)
return start + 2 * window - covered - now
`,
  charge: `
local previous, current, start = counterAt(state, c.window, now)
local most = current + c.cost
if most > c.limit then most = c.limit end
if current > most then most = current end
state.a, state.b, state.c = start, previous, most
return counterLeft(c, now, previous, most, start)
`,
  left: `
return counterLeft(c, now, counterAt(state, c.window, now))
`,
  refund: `
local steps = floor(state.a / c.window) - floor(when / c.window)
if steps == 0 then state.c = math.max(0, state.c - c.cost)
elseif steps == 1 then state.b = math.max(0, state.b - c.cost) end
`,
}

/** sliding window: a sorted log, read at single places; no call unpacks all of it. */
export const SLIDING_WINDOW: Kernel = {
  own: `
FRESH[5] = { LOG, 0, 0, false, 0, '', 1, 0, '', 0 }

local function timeAt(state, index)
  local kept = state.kept
  local time
  if index < kept then time = unpack('<d', state.source, state.from + 8 * index)
  else time = unpack('<d', state.tail, 1 + 8 * (index - kept)) end
  return time
end

local function takenBefore(state, time)
  local low, high = 0, state.units
  while low < high do
    local middle = floor((low + high) / 2)
    if timeAt(state, middle) < time then low = middle + 1 else high = middle end
  end
  return low
end

-- Takes the oldest units out.
local function dropOldest(state, count)
  state.units = state.units - count
  state.from, state.kept = state.from + 8 * count, state.kept - count
  if state.kept <= 0 then
    state.source, state.from, state.kept, state.tail = state.tail, 1 - 8 * state.kept, state.units, ''
  end
  if state.units > 0 then state.oldest = timeAt(state, 0) end
end
`,
  wait: `
local excess = state.units + c.cost - c.limit
if excess <= 0 then return 0 end
local wait = (excess == 1 and state.oldest or timeAt(state, excess - 1)) + c.window - now
if wait > 0 then return wait end
return 0
`,
  charge: `
local window, units, time = c.window, state.units, now
if units > 0 then
  local oldest = state.oldest
  local newest = units == 1 and oldest or timeAt(state, units - 1)
  if newest + window <= now then
    dropOldest(state, units)
    units = 0
  else
    if newest > now then time = newest end
    if oldest + window <= now then
      dropOldest(state, takenBefore(state, now - window + 1))
      units = state.units
    end
  end
end
local most, taken = c.limit, c.cost
if units > most then most = units end
if taken > most then taken = most end
local surplus = units + taken - most
if surplus > 0 then dropOldest(state, surplus) end
-- Those of a batch are mostly of one moment.
if time ~= lastTime then lastTime, lastBytes = time, pack('<d', time) end
local bytes, tail = lastBytes, state.tail
if taken > 1 then bytes = rep(bytes, taken) end
if tail == '' then state.tail = bytes else state.tail = tail .. bytes end
units = state.units
if units == 0 then state.oldest = time end
units = units + taken
state.units = units
-- Nothing in it has expired, and the newest is at \`time\`.
local left = c.limit - units
if left < 0 then left = 0 end
return left, time + window - now
`,
  left: `
local units, window = state.units, c.window
if units == 0 then return c.limit, 0 end
local reset = timeAt(state, units - 1) + window - now
if state.oldest + window <= now then units = units - takenBefore(state, now - window + 1) end
local left = c.limit - units
if left < 0 then left = 0 end
if reset < 0 then reset = 0 end
return left, reset
`,
  refund: `
local units = state.units
local first = takenBefore(state, when)
local expired = units > 0 and timeAt(state, units - 1) >= when + c.window
local unsure = expired or (c.countRefused == 1 and units >= c.limit)
local given = 0
while given < c.cost and first + given < units do
  if unsure and timeAt(state, first + given) ~= when then break end
  given = given + 1
end
local times = state.tail
if state.kept > 0 then times = sub(state.source, state.from, state.from + 8 * state.kept - 1) .. state.tail end
state.source = sub(times, 1, 8 * first) .. sub(times, 8 * (first + given) + 1)
state.from, state.tail, state.units, state.kept = 1, '', units - given, units - given
if units > given then state.oldest = timeAt(state, 0) end
`,
}
