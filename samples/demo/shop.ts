import type { Context } from 'telegraf'
import { message } from 'telegraf/filters'
import {
  Action,
  Command,
  Controller,
  Debounce,
  On,
  RateLimit,
  RequireRegistered,
  Start,
} from 'telegraf-sentinel'

export const LIKE = 'like'

@Controller('shop')
@RateLimit({ limit: 15, window: '5s', blockFor: '1m' }) // more than that is no customer
export class Shop {
  constructor(private readonly register: (userId: number) => Promise<unknown>) {}

  @Start()
  async start(ctx: Context) {
    await ctx.reply('Welcome! /register, then /buy. Do you like us?', {
      reply_markup: { inline_keyboard: [[{ text: '❤️', callback_data: LIKE }]] },
    })
  }

  @Command('register')
  async registerUser(ctx: Context) {
    if (ctx.from === undefined) return
    await this.register(ctx.from.id)
    await ctx.reply('You are registered.')
  }

  @Command('buy')
  @RateLimit({ limit: 3, window: '4s' })
  @RequireRegistered()
  async buy(ctx: Context) {
    await ctx.reply('Bought.')
  }

  @Action(LIKE)
  @Debounce('2s')
  async like(ctx: Context) {
    await ctx.answerCbQuery('Thanks!')
  }

  @On(message('photo'))
  @RateLimit({ limit: 1, window: '5s', algorithm: 'gcra' }) // an album is one message
  async photo() {
    // Kept for the album; nothing to say.
  }

  @On(message('text'))
  async text(ctx: Context) {
    await ctx.reply('I see.')
  }
}
