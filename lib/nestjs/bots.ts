/** The bots of nestjs-telegraf, for a shutdown. */
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common'
import { DiscoveryService } from '@nestjs/core'
import type { Telegraf } from 'telegraf'
import { NAMES } from './routed'
import { UnderWay } from './under-way'

/** The part of a Telegraf that is used; tests may have put less in its place. */
interface Bot {
  readonly polling?: unknown
  readonly webhookServer?: unknown
  handleUpdate?: Telegraf['handleUpdate']
  stop(reason: string): void
}

/**
 * Counts the updates of bots from their first middleware to their last: the user is looked up before a handler, its text is sent
 * and the session is written after it, and interceptors see none of that.
 */
@Injectable()
export class Bots implements OnModuleInit {
  readonly #discovery: DiscoveryService
  readonly #underWay: UnderWay

  constructor(@Inject(DiscoveryService) discovery: DiscoveryService, @Inject(UnderWay) underWay: UnderWay) {
    this.#discovery = discovery
    this.#underWay = underWay
  }

  /** In the phase in which nestjs-telegraf gives bots their handlers: until then, there are none to guard. */
  onModuleInit(): void {
    for (const bot of this.#all()) this.#count(bot)
  }

  /** Those that run. */
  stop(): void {
    for (const bot of this.#all()) {
      if (bot.polling !== undefined || bot.webhookServer !== undefined) bot.stop('the application ends')
    }
  }

  /** Telegraf looks the method up for each update, from polling as from webhooks. */
  #count(bot: Bot): void {
    const handle = bot.handleUpdate?.bind(bot)
    if (handle === undefined) return
    bot.handleUpdate = (...update) => this.#underWay.during(() => handle(...update))
  }

  #all(): Bot[] {
    return this.#discovery
      .getProviders()
      .filter(({ token }) => token === NAMES.botName)
      .map(({ instance, host }) => host?.providers.get(instance as string)?.instance as Bot)
  }
}
