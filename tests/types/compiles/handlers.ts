/** Handlers that every listener takes. */
import { Context, type NarrowedContext, type Scenes } from 'telegraf'
import { callbackQuery, message } from 'telegraf/filters'
import type { Message, Update } from 'telegraf/types'
import {
  Action,
  Command,
  Controller,
  GameQuery,
  Hears,
  Help,
  InlineQuery,
  On,
  Reaction,
  Settings,
  Start,
  Use,
} from 'telegraf-sentinel'

interface MyContext extends Context {
  session: { basket: string[] }
}

class OwnContext extends Context {
  readonly own = true
}

@Controller()
export class Shop {
  @Start()
  none() {
    return 1
  }

  @Help()
  plain(ctx: Context) {
    return ctx.reply('…')
  }

  @Settings()
  async withNext(ctx: Context, next: () => Promise<void>) {
    await ctx.reply('…')
    await next()
  }

  @Command('buy')
  @Command(['sell', /^sell_(\d+)$/])
  async mine(ctx: MyContext) {
    ctx.session.basket.push('x')
  }

  @Command<MyContext>((value, ctx) => (ctx.session.basket.includes(value) ? /x/.exec('x') : null))
  own(ctx: OwnContext): boolean {
    return ctx.own
  }

  @Hears(/^(\w+)$/)
  matched(ctx: Context & { match: RegExpExecArray }) {
    return ctx.reply(ctx.match[1])
  }

  @Action('pay')
  async narrowed(ctx: NarrowedContext<Context, Update.CallbackQueryUpdate>) {
    await ctx.answerCbQuery(ctx.callbackQuery.id)
  }

  @Action(/^pay_(\d+)$/)
  async narrowedAndMatched(
    ctx: NarrowedContext<MyContext, Update.CallbackQueryUpdate> & { match: RegExpExecArray },
    next: () => Promise<void>,
  ) {
    await ctx.answerCbQuery(ctx.match[1])
    await next()
  }

  @On(message('text'))
  @On(['message', 'callback_query', callbackQuery('data')])
  async text(ctx: NarrowedContext<Context, Update.MessageUpdate<Message.TextMessage>>) {
    await ctx.reply(ctx.message.text)
  }

  @On('sticker')
  scene(ctx: Scenes.SceneContext) {
    return ctx.scene.leave()
  }

  @InlineQuery('x')
  query(ctx: NarrowedContext<Context, Update.InlineQueryUpdate>) {
    return ctx.answerInlineQuery([])
  }

  @GameQuery()
  game(_ctx: Context): void {}

  @Reaction('👍', '-👎')
  @Reaction(['🔥', { type: 'custom_emoji', custom_emoji_id: '55' }])
  liked(ctx: NarrowedContext<Context, Update.MessageReactionUpdate>) {
    return ctx.reactions.added.count
  }

  @Use()
  log(_ctx: Context, next: () => Promise<void>) {
    return next()
  }
}
