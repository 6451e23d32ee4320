/** The sentinel's life with the application's: what is told at its start, and in which order things end. */
import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common'
import { DiscoveryService } from '@nestjs/core'
import { SentinelOptionsError } from '../errors'
import { Sentinel } from '../sentinel'
import { warnOfUnguarded } from './boot'
import { Bots } from './bots'
import { UnderWay } from './under-way'

/** ms that updates under way have, in all, to come to their end. */
const PATIENCE = 5_000

/**
 * Bots stop first, then updates end, then the sentinel is closed. nestjs-telegraf stops its bots in the same phase that a
 * sentinel is closed in, and the order within a phase is not the same in all versions of Nest: so they are stopped a phase
 * earlier, where stopping them again does nothing.
 */
@Injectable()
export class Lifecycle
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #discovery: DiscoveryService
  readonly #underWay: UnderWay
  readonly #bots: Bots
  /** When patience ends, by `performance.now()`. */
  #until: number | undefined

  constructor(
    @Inject(DiscoveryService) discovery: DiscoveryService,
    @Inject(UnderWay) underWay: UnderWay,
    @Inject(Bots) bots: Bots,
  ) {
    this.#discovery = discovery
    this.#bots = bots
    this.#underWay = underWay
  }

  /** Nest leaves out interceptors that hang on a request: no handler would be guarded. */
  onModuleInit(): void {
    if (this.#provider().isDependencyTreeStatic()) return
    const message = 'injects a provider of request or transient scope; a sentinel is one for all updates'
    throw new SentinelOptionsError([{ path: 'SentinelModule.forRootAsync', message }])
  }

  onApplicationBootstrap(): void {
    warnOfUnguarded(this.#discovery)
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#bots.stop()
    await this.#updatesEnd()
  }

  /** By now Nest's own HTTP server is closed, too: no webhook brings another update. */
  async onApplicationShutdown(): Promise<void> {
    await this.#updatesEnd()
    await (this.#provider().instance as Sentinel).close()
  }

  async #updatesEnd(): Promise<void> {
    this.#until ??= performance.now() + PATIENCE
    await this.#underWay.over(Math.max(0, this.#until - performance.now()))
  }

  #provider(): ReturnType<DiscoveryService['getProviders']>[number] {
    const provider = this.#discovery.getProviders().find(({ token }) => token === Sentinel)
    if (provider === undefined) throw new Error('the module of this provider has a Sentinel')
    return provider
  }
}
