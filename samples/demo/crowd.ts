/** The demo's people: what each of them does, and when. */
import type { FakeTelegram } from 'telegraf-sentinel/testing'
import { LIKE } from './shop'

interface Deed {
  /** ms after the start. */
  readonly at: number
  readonly do: () => unknown
}

/** How long the crowd is at it (ms). */
export const SHOW = 9_000

/** Everybody's deeds in order, and what each is there to show, by user id. */
export function crowd(
  telegram: FakeTelegram,
  ban: (userId: number) => unknown,
): { deeds: Deed[]; cast: Map<number, string> } {
  const person = (first_name: string, role: string): ReturnType<FakeTelegram['user']> => {
    const user = telegram.user({ first_name })
    cast.set(user.id, `${first_name}, ${role}`)
    return user
  }
  const cast = new Map<number, string>()
  const ann = person('Ann', 'a customer')
  const ben = person('Ben', 'sends albums')
  const guest = person('Guest', 'a stranger')
  const mallory = person('Mallory', 'floods')
  const eve = person('Eve', 'gets banned')
  const deeds: Deed[] = []
  const at = (ms: number, deed: () => unknown): void => void deeds.push({ at: ms, do: deed })

  for (const user of [ann, ben, eve]) {
    at(200, () => user.command('start'))
    at(400, () => user.command('register'))
  }
  at(300, () => guest.command('start'))
  for (let ms = 1_000; ms < SHOW; ms += 1_500) at(ms, () => ann.command('buy'))
  for (let ms = 1_200; ms < SHOW; ms += 1_100) at(ms, () => ben.say(`Is number ${ms} in stock?`))
  // A nervous finger: two taps within 100 ms.
  for (const ms of [2_000, 2_100, 6_000, 6_100]) at(ms, () => ann.tap(LIKE))
  // Four photos are one message; the second album comes too soon, and none of it passes.
  for (const ms of [2_500, 4_000, 8_000]) at(ms, () => ben.photoAlbum(4))
  for (const ms of [1_500, 5_500]) at(ms, () => guest.command('buy'))
  for (let ms = 3_000; ms < 8_500; ms += 25) at(ms, () => mallory.say('FREE COINS'))
  for (let ms = 1_000; ms < SHOW; ms += 1_000) at(ms, () => eve.say('Look at my channel!'))
  at(4_500, () => ban(eve.id))
  return { deeds: deeds.sort((a, b) => a.at - b.at), cast }
}
