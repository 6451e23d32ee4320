import type { Context } from 'telegraf'
import {
  Action,
  Command,
  Controller,
  Debounce,
  RateLimit,
  RequireRegistered,
  sentinelOf,
  Start,
} from 'telegraf-sentinel'

/** What `/register` does; the shop need not know of sentinels. */
type Register = (userId: number, name: string) => Promise<unknown>

@Controller('shop')
@RateLimit(30, '1m') // one bucket for the whole class
export class Shop {
  constructor(private readonly register: Register) {}

  @Start()
  async start(ctx: Context) {
    await ctx.reply('Welcome! /register, then /buy.', {
      reply_markup: { inline_keyboard: [[{ text: '❤️', callback_data: 'like' }]] },
    })
  }

  @Command('register')
  async registerUser(ctx: Context) {
    if (ctx.from === undefined) return
    await this.register(ctx.from.id, ctx.from.first_name)
    await ctx.reply('You are registered.')
  }

  @Command('buy')
  @RateLimit({ limit: 3, window: '10s' }) // its own bucket, on top of the class's
  @RequireRegistered({ reply: 'Please /register first.' })
  async buy(ctx: Context) {
    const { profile } = sentinelOf(ctx)
    await ctx.reply(`Bought, ${(profile as { name: string }).name}.`)
  }

  @Action('like')
  @Debounce('2s') // a double tap counts once
  async like(ctx: Context) {
    await ctx.answerCbQuery('Thanks!')
  }
}
