/** A Telegram for a bot before its move and one for the same bot after it, so that the same can happen in both. */
import { FakeTelegram } from 'telegraf-sentinel/testing'

/** What Telegraf and grammY have in common here. */
interface Bot {
  stop(): unknown
}

/** Ends what a test began, the last thing first. */
export class Ending {
  readonly #ends: (() => unknown)[] = []

  add(end: () => unknown): void {
    this.#ends.push(end)
  }

  async run(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}

/** Starts a Telegram and, on it, the bot that `launch` makes and launches. */
export async function town(ending: Ending, launch: (telegram: FakeTelegram) => Bot): Promise<FakeTelegram> {
  const telegram = await FakeTelegram.start()
  ending.add(() => telegram.stop())
  const bot = launch(telegram)
  ending.add(() => bot.stop())
  await telegram.polled()
  return telegram
}

/** What happens in a town; the answer is what its people saw. */
export type Scene<T> = (telegram: FakeTelegram) => Promise<T>

/** Texts from one new user, each after the bot is done with the one before; what the user heard. */
export function says(...texts: readonly string[]): Scene<string[]> {
  return async (telegram) => {
    const user = telegram.user()
    for (const text of texts) {
      user.say(text)
      await telegram.idle()
    }
    return user.heard()
  }
}

/** A new user taps a button so many times; how often the bot let its spinner end. */
export function taps(times: number): Scene<number> {
  return async (telegram) => {
    const user = telegram.user()
    const before = telegram.callsTo('answerCallbackQuery').length
    for (let n = 0; n < times; n++) {
      user.tap('like')
      await telegram.idle()
    }
    return telegram.callsTo('answerCallbackQuery').length - before
  }
}

/** A new user sends an album of five photos; how many of them the bot's handlers saw. */
export const album: Scene<number> = async (telegram) => {
  const user = telegram.user()
  user.photoAlbum(5)
  await telegram.idle()
  return user.heard().filter((text) => text === 'I see.').length
}

/** A new user talks, and then pays; whether the payment was accepted. */
export const pays: Scene<boolean> = async (telegram) => {
  const user = telegram.user()
  for (let n = 0; n < 4; n++) user.say(`hello ${n}`)
  await telegram.idle()
  const query = telegram.updates.preCheckoutQuery(100, { from: user.user })
  telegram.send(query)
  await telegram.idle()
  return telegram
    .callsTo('answerPreCheckoutQuery')
    .some(({ params }) => params['pre_checkout_query_id'] === query.pre_checkout_query?.id)
}

/** Anonymous admins of two groups write twice each; how many of their messages each group saw answered. */
export const anonymousAdmins: Scene<number[]> = async (telegram) => {
  const groups = [-1001000000001, -1001000000002]
  for (const chat of groups) {
    for (const text of ['one', 'two']) {
      telegram.send(telegram.updates.anonymousAdmin(text, { chat, sender_chat: chat }))
      await telegram.idle()
    }
  }
  return groups.map((chat) => telegram.texts(chat).filter((text) => text === 'I see.').length)
}

/** A channel posts five times; how many posts the bot's handlers saw. */
export const channel: Scene<number> = async (telegram) => {
  const chat = -1001000000003
  for (let n = 0; n < 5; n++) telegram.send(telegram.updates.channelPost(`news ${n}`, { chat }))
  await telegram.idle()
  return telegram.texts(chat).filter((text) => text === 'I see.').length
}
