/** Lua: the requests of a batch one by one, then what changed, then the reply. */
import { KIND, STATUS } from '../wire'

export const BATCH = `
local decideTentatively, readUndo, refundAll

local function nextRequest()
  local kind, block, registration, hasDuplicate, hasAlbum, notices, actor, home, index, user
  kind, block, registration, hasDuplicate, hasAlbum, notices, actor, home, index, debounces, limits, now, user, at =
    unpack('<BBBBBBI4I4I4HHdd', blob, at)
  broken = nil
  album = hasAlbum == 1
  grace = DAY
  if now ~= now then now, grace = real, 0 end
  local duplicateMark, duplicateWindow
  if hasDuplicate == 1 then duplicateMark, duplicateWindow, at = unpack('<c8d', blob, at) end
  for i = 1, debounces do
    readDebounce(i)
    memory[i] = 0
    if album then passedMark[i], refusedMark[i], at = unpack('<c8c8', blob, at) end
  end
  for i = debounces + 1, debounces + limits do
    readLimit(i)
    if album then passedMark[i], refusedMark[i], at = unpack('<c8c8', blob, at) end
  end
  if kind ~= ${KIND.decide} and not refundAll then decideTentatively, readUndo, refundAll = tentativeParts() end
  local undo = kind == ${KIND.refund} and readUndo()
  actor = actor > 0 and (subjects[actor] or subject(actor))
  home = home > 0 and (subjects[home] or subject(home))
  if broken then return answer(pack('<BI4', ${STATUS.broken}, broken - 1)) end
  tentative = kind == ${KIND.tentative}
  if kind == ${KIND.decide} then
    return decide(actor, home, index, user, block, registration, notices, duplicateMark, duplicateWindow)
  end
  if kind == ${KIND.tentative} then
    return decideTentatively(actor, home, index, user, block, registration, notices, duplicateMark, duplicateWindow)
  end
  if kind == ${KIND.peek} then
    local n = leftOf()
    return answer(pack(replyHead(limits), ${STATUS.ok}, 0, 0, 0, 0, 0, 0, 0, 0, spread(numbers, 1, n)))
  end
  return refundAll(undo)
end

for _ = 1, requestCount do nextRequest() end
for i = 1, subjectCount do
  local s = subjects[i]
  if s and s.changed then writeSubject(KEYS[i], s) end
end
writePlain()
for i = 1, #indexed, 2 do call('SADD', KEYS[indexed[i]], indexed[i + 1]) end
return concat(reply)
`
