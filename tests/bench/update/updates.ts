import type { Update } from 'telegraf/types'
import { randomOf } from '../random'

/** So many users that none comes back while a debounce or a limit would refuse: every update must pass. */
export const USERS = 100_000
const FIRST_USER = 100_000_000
const GAP = 79_000

export function userId(index: number): number {
  return FIRST_USER + index * GAP
}

export function commandNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `command${i}`)
}

/** Endless updates: one user after another sends a command picked at random, never the same twice in a row. */
export function updatesOf(commands: readonly string[]): () => Update {
  const random = randomOf(commands.length)
  const picks = Int32Array.from({ length: USERS }, () => Math.floor(random() * commands.length))
  let sent = 0
  return () => {
    const user = sent % USERS
    const pick = (picks[user] + Math.floor(sent / USERS)) % commands.length
    return commandUpdate(++sent, userId(user), commands[pick])
  }
}

/** What Telegram delivers when a user writes a command, and what else stands after it. */
export function commandUpdate(updateId: number, from: number, command: string, after = ''): Update {
  return {
    update_id: updateId,
    message: {
      message_id: updateId,
      date: 1_800_000_000,
      from: { id: from, is_bot: false, first_name: 'A', language_code: 'en' },
      chat: { id: from, type: 'private', first_name: 'A' },
      text: `/${command}${after}`,
      entities: [{ type: 'bot_command', offset: 0, length: command.length + 1 }],
    },
  }
}
