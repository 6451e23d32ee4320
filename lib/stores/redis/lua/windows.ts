/** Lua: the two sliding algorithms, as `kernels.ts`. */
export const WINDOWS = `
-- sliding counter: a, start of the current window; b, units in the one before; c, units in it.
LOAD[4] = function()
local function counterAt(state, window, now)
  local present, stored = floor(now / window), floor(state.a / window)
  local steps = present - stored
  if steps <= 0 then return state.b, state.c, stored * window end
  if steps == 1 then return state.c, 0, present * window end
  return 0, 0, present * window
end

WAIT[4] = function(state, c, now)
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
end
CHARGE[4] = function(state, c, now)
  local previous, current, start = counterAt(state, c.window, now)
  local most = current + c.cost
  if most > c.limit then most = c.limit end
  if current > most then most = current end
  state.a, state.b, state.c = start, previous, most
  return REMAINING[4](state, c, now), RESET[4](state, c, now)
end
REFUND[4] = function(state, c, when)
  local steps = floor(state.a / c.window) - floor(when / c.window)
  if steps == 0 then state.c = math.max(0, state.c - c.cost)
  elseif steps == 1 then state.b = math.max(0, state.b - c.cost) end
end
REMAINING[4] = function(state, c, now)
  local window = c.window
  local previous, current, start = counterAt(state, window, now)
  local elapsed = now - start
  if elapsed < 0 then elapsed = 0 end
  local left = c.limit - current - ceil(previous * (window - elapsed) / window)
  if left > 0 then return left end
  return 0
end
RESET[4] = function(state, c, now)
  local window = c.window
  local previous, current, start = counterAt(state, window, now)
  if current > 0 then return start + 2 * window - now end
  if previous > 0 then return start + window - now end
  return 0
end
end

-- sliding window: a sorted log, read at single places; no call unpacks all of it.
LOAD[5] = function()
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
  if state.kept > 0 then return end
  state.source, state.from, state.kept, state.tail = state.tail, 1 - 8 * state.kept, state.units, ''
end

WAIT[5] = function(state, c, now)
  local excess = state.units + c.cost - c.limit
  if excess <= 0 then return 0 end
  local wait = timeAt(state, excess - 1) + c.window - now
  if wait > 0 then return wait end
  return 0
end
CHARGE[5] = function(state, c, now)
  local window, units, time = c.window, state.units, now
  if units > 0 then
    local newest = timeAt(state, units - 1)
    if newest + window <= now then
      dropOldest(state, units)
      units = 0
    else
      if newest > now then time = newest end
      if timeAt(state, 0) + window <= now then
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
  local bytes = pack('<d', time)
  if taken > 1 then bytes = rep(bytes, taken) end
  state.tail = state.tail .. bytes
  units = state.units + taken
  state.units = units
  -- Nothing in it has expired, and the newest is at \`time\`.
  local left = c.limit - units
  if left < 0 then left = 0 end
  return left, time + window - now
end
REFUND[5] = function(state, c, when)
  local units = state.units
  local first = takenBefore(state, when)
  local expired = units > 0 and timeAt(state, units - 1) >= when + c.window
  local unsure = expired or (c.countRefused and units >= c.limit)
  local given = 0
  while given < c.cost and first + given < units do
    if unsure and timeAt(state, first + given) ~= when then break end
    given = given + 1
  end
  local times = logTimes(state)
  state.source = sub(times, 1, 8 * first) .. sub(times, 8 * (first + given) + 1)
  state.from, state.tail, state.units, state.kept = 1, '', units - given, units - given
end
REMAINING[5] = function(state, c, now)
  local units = state.units
  if units > 0 and timeAt(state, 0) + c.window <= now then units = units - takenBefore(state, now - c.window + 1) end
  if units < c.limit then return c.limit - units end
  return 0
end
RESET[5] = function(state, c, now)
  local units = state.units
  if units == 0 then return 0 end
  local left = timeAt(state, units - 1) + c.window - now
  if left > 0 then return left end
  return 0
end
end
`
