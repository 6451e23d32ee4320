import type { Telegraf } from 'telegraf'
import { message } from 'telegraf/filters'
import {
  Command,
  Controller,
  createSentinel,
  Debounce,
  MemoryStore,
  RateLimit,
  RequireRegistered,
} from '../../../lib'
import { userId, USERS } from './updates'

/** Each command behind block, registration, debounce and two limits; every user is registered. */
export async function guardedByUs(
  bot: Telegraf,
  commands: readonly string[],
  handled: () => void,
): Promise<void> {
  const controllers = []
  for (let i = 0; i < commands.length; i += 5) {
    controllers.push(controllerOf(commands.slice(i, i + 5), `shop${i}`, handled))
  }
  const sentinel = createSentinel({ store: new MemoryStore(), controllers })
  for (let user = 0; user < USERS; user++) await sentinel.registrations.add(userId(user))
  bot.use(sentinel)
  bot.on(message(), () => undefined)
}

/** Five commands to a controller, as a person would write one. */
function controllerOf(commands: readonly string[], name: string, handled: () => void): new () => object {
  @Controller(name)
  @RateLimit(30, '1m')
  @RequireRegistered()
  class Shop {
    @Command(commands[0])
    @RateLimit(20, '1m')
    @Debounce('1s')
    first() {
      handled()
    }

    @Command(commands[1])
    @RateLimit(20, '1m')
    @Debounce('1s')
    second() {
      handled()
    }

    @Command(commands[2])
    @RateLimit(20, '1m')
    @Debounce('1s')
    third() {
      handled()
    }

    @Command(commands[3])
    @RateLimit(20, '1m')
    @Debounce('1s')
    fourth() {
      handled()
    }

    @Command(commands[4])
    @RateLimit(20, '1m')
    @Debounce('1s')
    fifth() {
      handled()
    }
  }
  return Shop
}
