// TS2339: Property 'plan' does not exist on type
import { Debounce } from 'telegraf-sentinel'

export const debounce = Debounce({ window: '1s', fingerprint: (ctx) => ctx.plan })
