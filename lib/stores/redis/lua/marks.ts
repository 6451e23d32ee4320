/** Lua: marks, and how long a subject is kept. */
export const MARKS = `
-- Until when a mark holds, and where it stands: in which string, \`added\` or \`marks\`.
local function markOf(s, id)
  local marks, from, added = s.marks, s.marksFrom, false
  repeat
    local at = find(marks, id, from, true)
    while at do
      if (at - from) % MARK == 0 then
        local till = unpack('<d', marks, at + 8)
        return till, at, added
      end
      at = find(marks, id, at + 1, true)
    end
    marks, from, added = s.added, 1, not added
  until not added or marks == ''
  return -huge
end

local function keepFor(s, ms)
  local deadline = ceil((real + ms) / 1000)
  if deadline > NEVER then deadline = NEVER end
  if deadline > s.expires then s.expires = deadline end
  s.changed = true
  return deadline
end

-- Whose mark it is only a decision that may be taken back asks: a check's number, or 0.
local function setMark(s, id, till, whose)
  local before, at, added = markOf(s, id)
--[tentative
  if tentative then marksSet[#marksSet + 1] = pack('<Hc8dd', whose, id, till, before) end
--]
  local bytes = pack('<d', till)
  if not at then s.added = s.added .. id .. bytes
  elseif added then s.added = sub(s.added, 1, at + 7) .. bytes .. sub(s.added, at + MARK)
  else
    s.marks, s.marksFrom = sub(s.marks, s.marksFrom, at + 7) .. bytes .. sub(s.marks, at + MARK), 1
  end
  if now - grace < s.horizon then s.horizon = now - grace end
  local left = till - now
  if left < 0 then left = 0 end
  keepFor(s, left + grace)
end
`
