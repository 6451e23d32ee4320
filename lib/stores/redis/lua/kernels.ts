/**
 * Lua: the algorithms of three of the five limiters, line by line what `lib/limiters` specifies, over a state (`a`, `b`, `c`: the
 * kernel's row) and a check. What an algorithm is asked stands in branches of a function
 * (`limiters.ts`) that has those of the algorithms in use only.
 */

export interface Kernel {
  /** Functions of its own, and what a bucket without a state holds. */
  readonly own: string
  readonly wait: string
  /** Returns what `left` says then, which it mostly knows already. */
  readonly charge: string
  /** Remaining, and resetAfter. */
  readonly left: string
  readonly refund: string
}

/** gcra: a, the moment when the bucket was empty, as ms * 2048 + ticks. */
export const GCRA: Kernel = {
  own: `
FRESH[1] = { 1, 0, 0, false, LONG_AGO }

-- Ticks per ms, and per unit.
local function readGcra(c)
  local limit, window = c.limit, c.window
  if limit <= 2048 then c.scale, c.interval = limit, window return end
  local a, b = limit, window
  while b ~= 0 do a, b = b, math.fmod(a, b) end
  if limit / a <= 2048 then c.scale, c.interval = limit / a, window / a return end
  c.scale, c.interval = 2048, ceil(window * 2048 / limit)
end

local function gcraTicks(state, scale)
  local stored = state.a
  local ms = floor(stored / 2048)
  local ticks = stored - ms * 2048
  if ticks > scale then ticks = scale end
  return ms * scale + ticks
end

local function gcraEmpty(state, c, now)
  local empty, full = gcraTicks(state, c.scale), now * c.scale - c.burst * c.interval
  if empty > full then return empty end
  return full
end

local function gcraLeft(c, now, empty)
  if c.limit < 1 then return 0, 0 end
  local scale, interval = c.scale, c.interval
  local left, full = floor((now * scale - empty) / interval), empty + c.burst * interval
  if left < 0 then left = 0 end
  if full <= now * scale then return left, 0 end
  return left, ceil(full / scale) - now
end
`,
  wait: `
local scale = c.scale
local due = gcraEmpty(state, c, now) + c.cost * c.interval
if due <= now * scale then return 0 end
return ceil(due / scale) - now
`,
  charge: `
local empty, scale = gcraEmpty(state, c, now), c.scale
local ticks, present = empty + c.cost * c.interval, now * scale
if ticks > present then ticks = present end
if empty > ticks then ticks = empty end
local ms = floor(ticks / scale)
state.a = ms * 2048 + (ticks - ms * scale)
return gcraLeft(c, now, ticks)
`,
  left: `
return gcraLeft(c, now, gcraEmpty(state, c, now))
`,
  refund: `
local scale = c.scale
local full, stored = when * scale - c.burst * c.interval, gcraTicks(state, scale)
if stored > full then
  local back = stored - c.cost * c.interval
  if back < full then back = full end
  local ms = floor(back / scale)
  state.a = ms * 2048 + (back - ms * scale)
end
`,
}

/** fixed window: a, start of the counted window; b, units in it. */
export const FIXED_WINDOW: Kernel = {
  own: `
FRESH[2] = { 2, 0, 0, false, LONG_AGO, 0 }

-- Units, and the window that they are in.
local function windowAt(state, window, now)
  local stored, present = floor(state.a / window), floor(now / window)
  if present > stored then return 0, present end
  return state.b, stored
end
`,
  wait: `
local limit, window, cost = c.limit, c.window, c.cost
if state.b + cost <= limit then return 0 end
local count, at = windowAt(state, window, now)
if count + cost <= limit then return 0 end
return (at + 1) * window - now
`,
  charge: `
local window, limit = c.window, c.limit
local count, at = windowAt(state, window, now)
local most = count + c.cost
if most > limit then most = limit end
if count > most then most = count end
state.a, state.b = at * window, most
local left, reset = limit - most, 0
if left < 0 then left = 0 end
if most > 0 then reset = (at + 1) * window - now end
return left, reset
`,
  left: `
local window = c.window
local count, at = windowAt(state, window, now)
local left, reset = c.limit - count, 0
if left < 0 then left = 0 end
if count > 0 then reset = (at + 1) * window - now end
return left, reset
`,
  refund: `
if floor(when / c.window) == floor(state.a / c.window) then state.b = math.max(0, state.b - c.cost) end
`,
}

/** token bucket: a, parts missing as of b. */
export const TOKEN_BUCKET: Kernel = {
  own: `
FRESH[3] = { 3, 0, 0, false, 0, LONG_AGO }

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

local function tokensLeft(state, c, now)
  if c.limit < 1 then return 0, 0 end
  local missing = missingAt(state, c, now)
  local left, reset = floor((c.burst * c.window - missing) / c.window), 0
  if missing > 0 then reset = refillTime(state, c, now, missing) end
  return left, reset
end
`,
  wait: `
local lacking = missingAt(state, c, now) - (c.burst - c.cost) * c.window
if lacking > 0 then return refillTime(state, c, now, lacking) end
return 0
`,
  charge: `
local all, missing = c.burst * c.window, missingAt(state, c, now) + c.cost * c.window
if missing > all then missing = all end
local owed = refilled(state.a, state.b, c, now)
if owed > missing then missing = owed end
state.a = missing
if now > state.b then state.b = now end
return tokensLeft(state, c, now)
`,
  left: `
return tokensLeft(state, c, now)
`,
  refund: `
state.a = math.max(0, state.a - c.cost * c.window)
`,
}
