/** Lua: marks and charges, which are all that a decision changes of a subject. */
export const MARKS = `
-- Until when a mark holds, and where it stands.
local function markOf(s, id)
  local marks = s.marks
  if marks == '' then return -huge end
  local at = find(marks, id, 1, true)
  while at do
    if at % MARK == 1 then
      local till = unpack('<d', marks, at + 8)
      return till, at
    end
    at = find(marks, id, at + 1, true)
  end
  return -huge
end

local function keepFor(s, ms)
  local deadline = ceil((real + ms) / 1000)
  if deadline > NEVER then deadline = NEVER end
  if deadline > s.expires then s.expires = deadline end
  s.changed = true
  return deadline
end

local function setMark(s, id, till, now, grace)
  local _, at = markOf(s, id)
  local marks = s.marks
  if at then s.marks = sub(marks, 1, at + 7) .. pack('<d', till) .. sub(marks, at + MARK)
  else s.marks = marks .. id .. pack('<d', till) end
  if now - grace < s.horizon then s.horizon = now - grace end
  local left = till - now
  if left < 0 then left = 0 end
  keepFor(s, left + grace)
end

-- ms until a check's cost would pass, as meter.ts has it.
local function waitOf(state, c, now)
  if c.algorithm == 0 then return c.wait end
  local cost = c.cost
  if cost == 0 then return 0 end
  if cost > c.capacity then return huge end
  return WAIT[c.algorithm](state, c, now)
end

local function copyOf(state, c)
  return { c.algorithm, c.id, 0, false, state[5], state[6], state[7], state[8], state[9] }
end
`
