import { median } from '../suite'
import type { Values } from '../suite'
import type { Contender } from './contender'
import { lap } from './lap'
import type { Lap } from './lap'
import { oneEach, trafficOf, usersOf } from './traffic'

export interface Course {
  readonly rounds: number
  /** Users of a lap. */
  readonly users: number
  /** Decisions of a lap, and ms. */
  readonly most: number
  readonly longest: number
}

/** Two updates per user and lap, the first one aside: users of a bot send no dozens within a debounce. */
export function courseOf(quick: boolean): Course {
  return quick
    ? { rounds: 1, users: 100, most: 200, longest: 40 }
    : { rounds: 5, users: 10_000, most: 20_000, longest: 800 }
}

const LAP: readonly (keyof Lap)[] = ['rate', 'p50', 'p99', 'cpu']

/** Under which name a lap's number stands in the values. */
export function valueName(contender: string, atOnce: number, what: keyof Lap, group = ''): string {
  return `${group}${contender}, ${atOnce} at once, ${what}`
}

/**
 * Contenders take turns: in every round each has a lap at every level, in another order each time, so that what else
 * the machine does meets all of them. Every lap has users of its own, who have acted once (as many as can in the time of a lap). Medians over the rounds.
 */
export async function race(
  contenders: readonly Contender[],
  levels: readonly number[],
  course: Course,
  group = '',
): Promise<Values> {
  const laps = new Map<string, number[]>()
  for (let round = 0; round < course.rounds; round++) {
    for (const [index, atOnce] of levels.entries()) {
      const users = usersOf(1 + round * levels.length + index, course.users)
      for (const contender of rotated(contenders, round + index)) {
        const result = await lapOf(contender, atOnce, users, course)
        for (const what of LAP) add(laps, valueName(contender.name, atOnce, what, group), result[what])
      }
    }
  }
  return Object.fromEntries([...laps].map(([name, values]) => [name, median(values)]))
}

async function lapOf(
  contender: Contender,
  atOnce: number,
  users: readonly number[],
  { most, longest }: Course,
): Promise<Lap> {
  await contender.register(users)
  await everyoneOnce(contender, users, longest)
  return lap(contender, trafficOf(users), { atOnce, most, longest })
}

/** One update of each user, as far as the time goes (ms). */
export async function everyoneOnce(
  contender: Contender,
  users: readonly number[],
  longest = Infinity,
): Promise<void> {
  await lap(contender, oneEach(users), { atOnce: 64, most: users.length, longest })
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}

function add(lists: Map<string, number[]>, name: string, value: number): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [value])
  else list.push(value)
}
