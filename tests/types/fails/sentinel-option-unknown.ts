// TS2561: Did you mean to write 'controllers'?
import { createSentinel } from 'telegraf-sentinel'

export const sentinel = createSentinel({ contollers: [] })
