/** Who writes to the bot during the soak, and how often. */
import { usersOf } from '../bench/stores/traffic'

/** Updates of twenty, by who sends them; the rest is the flooders'. */
const GOOD = 12
const ACCUSED = 2
const GUESTS = 2
const TWENTY = 20

/**
 * At any rate a good user sends 9 updates a minute, an accused or a guest 12: within the limits, so that only a ban or a
 * missing registration refuses them. A flooder sends 8 a second.
 */
export class Crowd {
  /** Registered, never banned. */
  readonly good: readonly number[]
  /** Registered; banned and pardoned all the time. */
  readonly accused: readonly number[]
  /** Registered and forgotten all the time; at first every other one is registered. */
  readonly guests: readonly number[]
  readonly flooders: readonly number[]

  constructor(rate: number) {
    const counts = [4 * rate, rate / 2, rate / 2, rate / 40].map((count) => Math.max(2, Math.ceil(count)))
    const all = usersOf(
      0,
      counts.reduce((sum, count) => sum + count, 0),
    )
    const [good, accused, guests, flooders] = counts.map((count) => all.splice(0, count))
    this.good = good
    this.accused = accused
    this.guests = guests
    this.flooders = flooders
  }

  /** Those whom the bot knows from the start. */
  registered(): number[] {
    const guests = this.guests.filter((_, index) => index % 2 === 0)
    return [...this.good, ...this.accused, ...guests, ...this.flooders]
  }

  /** Who sends the update of this number: of each kind one after another. */
  sender(update: number): number {
    const round = Math.floor(update / TWENTY)
    const place = update % TWENTY
    const turn = (users: readonly number[], from: number, share: number) =>
      users[(round * share + place - from) % users.length]
    if (place < GOOD) return turn(this.good, 0, GOOD)
    if (place < GOOD + ACCUSED) return turn(this.accused, GOOD, ACCUSED)
    const rest = GOOD + ACCUSED + GUESTS
    if (place < rest) return turn(this.guests, GOOD + ACCUSED, GUESTS)
    return turn(this.flooders, rest, TWENTY - rest)
  }
}
