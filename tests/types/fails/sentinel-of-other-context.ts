// TS2345: is not assignable to parameter of type
import { Telegraf, type Context } from 'telegraf'
import { createSentinel } from 'telegraf-sentinel'

interface MyContext extends Context {
  plan: string
}

new Telegraf('token').use(createSentinel<MyContext>({ exempt: (ctx) => ctx.plan === 'paid' }))
