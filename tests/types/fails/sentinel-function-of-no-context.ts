// TS2322: is not assignable to type
import { createSentinel } from 'telegraf-sentinel'

export const sentinel = createSentinel({ exempt: (text: string) => text === 'x' })
