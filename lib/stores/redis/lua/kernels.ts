/**
 * Lua: the five algorithms, line by line what `lib/limiters` specifies, over a state (\`a\`, \`b\`, \`c\`: the kernel's row; a log as
 * \`subject.ts\` has it) and a check. An algorithm's functions are made when a check first asks for them.
 * CHARGE returns what REMAINING and RESET say then, which it mostly knows already.
 */
export const KERNELS = `
local LONG_AGO = -1.7976931348623157e308
local FRESH = {
  { 1, 0, 0, false, LONG_AGO },
  { 2, 0, 0, false, LONG_AGO, 0 },
  { 3, 0, 0, false, 0, LONG_AGO },
  { 4, 0, 0, false, LONG_AGO, 0, 0 },
  { LOG, 0, 0, false, 0, '', 1, 0, '' },
}
local WAIT, CHARGE, REFUND, REMAINING, RESET, LOAD = {}, {}, {}, {}, {}, {}

-- Makes the functions of a check's algorithm, unless they are there; of gcra, finds ticks per ms and per unit.
local function prepare(c)
  local load = LOAD[c.algorithm]
  if not load then return end
  if not WAIT[c.algorithm] then load() end
  if c.algorithm ~= 1 then return end
  local limit, window = c.limit, c.window
  if limit <= 2048 then c.scale, c.interval = limit, window return end
  local a, b = limit, window
  while b ~= 0 do a, b = b, math.fmod(a, b) end
  if limit / a <= 2048 then c.scale, c.interval = limit / a, window / a return end
  c.scale, c.interval = 2048, ceil(window * 2048 / limit)
end

-- gcra: a, the moment when the bucket was empty, as ms * 2048 + ticks.
LOAD[1] = function()
local function gcraTicks(state, scale)
  local stored = state.a
  local ms = floor(stored / 2048)
  local ticks = stored - ms * 2048
  if ticks > scale then ticks = scale end
  return ms * scale + ticks
end

local function gcraPacked(ticks, scale)
  local ms = floor(ticks / scale)
  return ms * 2048 + (ticks - ms * scale)
end

local function gcraEmpty(state, c, now)
  local stored, scale = state.a, c.scale
  local ms = floor(stored / 2048)
  local ticks = stored - ms * 2048
  if ticks > scale then ticks = scale end
  local empty, full = ms * scale + ticks, now * scale - c.burst * c.interval
  if empty > full then return empty end
  return full
end

local function gcraLeft(c, now, empty)
  if c.limit < 1 then return 0 end
  local left = floor((now * c.scale - empty) / c.interval)
  if left > 0 then return left end
  return 0
end

local function gcraReset(c, now, ticks)
  if c.limit < 1 then return 0 end
  local full = ticks + c.burst * c.interval
  if full <= now * c.scale then return 0 end
  return ceil(full / c.scale) - now
end

WAIT[1] = function(state, c, now)
  local due = gcraEmpty(state, c, now) + c.cost * c.interval
  if due <= now * c.scale then return 0 end
  return ceil(due / c.scale) - now
end
CHARGE[1] = function(state, c, now)
  local empty, scale = gcraEmpty(state, c, now), c.scale
  local ticks, present = empty + c.cost * c.interval, now * scale
  if ticks > present then ticks = present end
  if empty > ticks then ticks = empty end
  local ms = floor(ticks / scale)
  state.a = ms * 2048 + (ticks - ms * scale)
  return gcraLeft(c, now, ticks), gcraReset(c, now, ticks)
end
REFUND[1] = function(state, c, when)
  local scale = c.scale
  local full, stored = when * scale - c.burst * c.interval, gcraTicks(state, scale)
  if stored > full then
    local back = stored - c.cost * c.interval
    if back < full then back = full end
    state.a = gcraPacked(back, scale)
  end
end
REMAINING[1] = function(state, c, now) return gcraLeft(c, now, gcraEmpty(state, c, now)) end
RESET[1] = function(state, c, now) return gcraReset(c, now, gcraTicks(state, c.scale)) end
end

-- fixed window: a, start of the counted window; b, units in it.
LOAD[2] = function()
local function windowAt(state, window, now)
  local stored, present = floor(state.a / window), floor(now / window)
  if stored > present then return stored end
  return present
end
local function countAt(state, window, now)
  if floor(now / window) > floor(state.a / window) then return 0 end
  return state.b
end

WAIT[2] = function(state, c, now)
  local limit, window, cost = c.limit, c.window, c.cost
  if state.b + cost <= limit then return 0 end
  if countAt(state, window, now) + cost <= limit then return 0 end
  return (windowAt(state, window, now) + 1) * window - now
end
CHARGE[2] = function(state, c, now)
  local window = c.window
  local count = countAt(state, window, now)
  state.a = windowAt(state, window, now) * window
  local most = count + c.cost
  if most > c.limit then most = c.limit end
  if count > most then most = count end
  state.b = most
  return REMAINING[2](state, c, now), RESET[2](state, c, now)
end
REFUND[2] = function(state, c, when)
  if floor(when / c.window) ~= floor(state.a / c.window) then return end
  state.b = math.max(0, state.b - c.cost)
end
REMAINING[2] = function(state, c, now)
  local left = c.limit - countAt(state, c.window, now)
  if left > 0 then return left end
  return 0
end
RESET[2] = function(state, c, now)
  if countAt(state, c.window, now) == 0 then return 0 end
  return (windowAt(state, c.window, now) + 1) * c.window - now
end
end

-- token bucket: a, parts missing as of b.
LOAD[3] = function()
local function refilled(missing, since, c, now)
  if now <= since then return missing end
  local left = missing - (now - since) * c.limit
  if left > 0 then return left end
  return 0
end
local function missingAt(state, c, now)
  local missing, all = state.a, c.burst * c.window
  if missing > all then missing = all end
  return refilled(missing, state.b, c, now)
end
local function refillTime(state, c, now, some)
  local ahead = state.b - now
  if ahead < 0 then ahead = 0 end
  return ceil(some / c.limit) + ahead
end

WAIT[3] = function(state, c, now)
  local lacking = missingAt(state, c, now) - (c.burst - c.cost) * c.window
  if lacking > 0 then return refillTime(state, c, now, lacking) end
  return 0
end
CHARGE[3] = function(state, c, now)
  local all, missing = c.burst * c.window, missingAt(state, c, now) + c.cost * c.window
  if missing > all then missing = all end
  local owed = refilled(state.a, state.b, c, now)
  if owed > missing then missing = owed end
  state.a = missing
  if now > state.b then state.b = now end
  return REMAINING[3](state, c, now), RESET[3](state, c, now)
end
REFUND[3] = function(state, c)
  state.a = math.max(0, state.a - c.cost * c.window)
end
REMAINING[3] = function(state, c, now)
  if c.limit < 1 then return 0 end
  return floor((c.burst * c.window - missingAt(state, c, now)) / c.window)
end
RESET[3] = function(state, c, now)
  local missing = missingAt(state, c, now)
  if missing > 0 and c.limit > 0 then return refillTime(state, c, now, missing) end
  return 0
end
end
`
