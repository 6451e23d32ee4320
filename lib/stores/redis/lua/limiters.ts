/** Lua: what a limit's algorithm is asked. A script has the branches of the algorithms that it is put together for. */
import { ALGORITHM } from '../wire'
import { FIXED_WINDOW, GCRA, TOKEN_BUCKET } from './kernels'
import type { Kernel } from './kernels'
import { SLIDING_COUNTER, SLIDING_WINDOW } from './windows'
import type { Algorithm } from '../../../limiters/limiter'

const KERNELS = Object.entries({
  gcra: GCRA,
  'fixed-window': FIXED_WINDOW,
  'token-bucket': TOKEN_BUCKET,
  'sliding-counter': SLIDING_COUNTER,
  'sliding-window': SLIDING_WINDOW,
} satisfies Record<Algorithm, Kernel>)

/** Some Lua per algorithm, each only where that algorithm is in use. */
function perAlgorithm(lua: (kernel: Kernel, number: number) => string): string {
  return KERNELS.map(
    ([name, kernel]) => `--[${name}\n${lua(kernel, ALGORITHM[name as Algorithm])}\n--]\n`,
  ).join('')
}

const branches = (part: 'wait' | 'charge' | 'left' | 'refund'): string =>
  perAlgorithm((kernel, number) => `if algorithm == ${number} then\n${kernel[part]}\nend`)

export const LIMITERS = `
local LONG_AGO = -1.7976931348623157e308
local lastTime, lastBytes
-- What is read of a bucket that has no state.
local FRESH = {}
${perAlgorithm(({ own }) => own)}

-- ms until a check's cost would pass, as meter.ts has it.
local function waitOf(state, c, now)
  local algorithm, cost = c.algorithm, c.cost
  if algorithm == 0 then return c.wait end
  if cost == 0 then return 0 end
  if cost > c.capacity then return huge end
${branches('wait')}
end

local function chargeTo(algorithm, state, c, now)
${branches('charge')}
end

local function leftIn(algorithm, state, c, now)
${branches('left')}
end

--[tentative
local function refundTo(algorithm, state, c, when)
${branches('refund')}
end
--]
`
