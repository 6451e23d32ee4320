import type { Limiter } from 'telegraf-sentinel'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Day (since 1970, UTC) and what was used on it. */
interface Used {
  readonly day: number
  readonly units: number
}

/** So many units per day, and only between two hours (UTC); `window` plays no part. */
export function officeHours(from: number, to: number): Limiter<Used> {
  return {
    name: `office-hours ${from}-${to}`,

    hit(state, { limit }, now, cost) {
      const day = Math.floor(now / DAY)
      const used = state?.day === day ? state.units : 0
      const untilTomorrow = (day + 1) * DAY + from * HOUR - now
      const untilOpen = day * DAY + from * HOUR - now
      const closed = now >= day * DAY + to * HOUR
      const full = used + cost > limit
      const wait = cost > limit ? Infinity : closed || full ? untilTomorrow : Math.max(0, untilOpen)
      const units = wait === 0 ? used + cost : used
      return [
        { day, units },
        {
          allowed: wait === 0,
          retryAfter: wait,
          remaining: Math.max(0, limit - units),
          resetAfter: units === 0 ? 0 : (day + 1) * DAY - now,
        },
      ]
    },

    refund(state, _rule, now, cost) {
      return state.day === Math.floor(now / DAY)
        ? { ...state, units: Math.max(0, state.units - cost) }
        : state
    },
  }
}
