import {
  Inject,
  Module,
  Optional,
  type DynamicModule,
  type ModuleMetadata,
  type Provider,
} from '@nestjs/common'
import { APP_GUARD, APP_INTERCEPTOR, DiscoveryModule, DiscoveryService } from '@nestjs/core'
import type { Context } from 'telegraf'
import { SentinelOptionsError, SentinelUsageError } from '../errors'
import type { SentinelOptions } from '../options'
import { createSentinel, Sentinel } from '../sentinel'
import { hasExempt, planRouted } from './boot'
import { Bots } from './bots'
import { Handlers } from './handlers'
import { NextGuard, SentinelInterceptor } from './interceptor'
import { Lifecycle } from './lifecycle'
import { optionsProviders, SENTINEL_OPTIONS, type SentinelModuleAsyncOptions } from './options'
import { UnderWay } from './under-way'

/** Apart from `SentinelModule`, whose hooks run in another order than those of modules that are global. */
@Module({})
class SentinelCoreModule {}

/**
 * The guards of `telegraf-sentinel` for bots on nestjs-telegraf, in force on all classes with `@Update`, `@Scene`, `@Wizard`
 * and `@Composer`. It is imported once, and is global: any provider can be given the `Sentinel`. Mistakes in guards are
 * told when the application starts. When it ends, bots are stopped, then the sentinel is closed.
 *
 * @example
 * @Module({
 *   imports: [
 *     SentinelModule.forRoot({ rateLimit: { limit: 20, window: '1m' } }),
 *     TelegrafModule.forRoot({ token: process.env.BOT_TOKEN ?? '' }),
 *   ],
 *   providers: [Shop],
 * })
 * class AppModule {}
 */
@Module({})
export class SentinelModule {
  constructor(@Optional() @Inject(Sentinel) sentinel?: Sentinel) {
    if (sentinel === undefined) {
      throw new SentinelUsageError('import SentinelModule.forRoot(options), not SentinelModule itself')
    }
  }

  /**
   * Makes the sentinel when the application starts; `options` are those of `createSentinel`. The store connects on first use.
   *
   * @throws SentinelOptionsError when the application starts, with every mistake in the options or in the guards
   */
  static forRoot<C extends Context = Context>(options?: SentinelOptions<C>): DynamicModule {
    return moduleOf([{ provide: SENTINEL_OPTIONS, useFactory: () => options }])
  }

  /**
   * As `forRoot`, with options that other providers know.
   *
   * @throws SentinelOptionsError unless there is one of `useFactory`, `useClass` and `useExisting`
   * @example
   * SentinelModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ store: config.getOrThrow<string>('REDIS_URL') }),
   * })
   */
  static forRootAsync<C extends Context = Context>(options: SentinelModuleAsyncOptions<C>): DynamicModule {
    return moduleOf(optionsProviders(options), options.imports)
  }
}

let made = 0

function moduleOf(options: readonly Provider[], imports: ModuleMetadata['imports'] = []): DynamicModule {
  made++
  const core: DynamicModule = {
    module: SentinelCoreModule,
    global: true,
    imports: [DiscoveryModule, ...imports],
    providers: [
      ...options,
      // Nest 10 takes modules for one that differ in a function's variables only.
      { provide: `telegraf-sentinel ${made}`, useValue: made },
      { provide: Sentinel, useFactory: sentinelOf, inject: [DiscoveryService, SENTINEL_OPTIONS] },
      { provide: UnderWay, useFactory: () => new UnderWay() },
      // Here, for its hook to run beside that of nestjs-telegraf's global module.
      Bots,
      { provide: Handlers, useFactory: (sentinel: Sentinel) => new Handlers(sentinel), inject: [Sentinel] },
      {
        provide: APP_INTERCEPTOR,
        useFactory: (handlers: Handlers, underWay: UnderWay) => new SentinelInterceptor(handlers, underWay),
        inject: [Handlers, UnderWay],
      },
      {
        provide: APP_GUARD,
        // None, for Nest, where nothing would need it.
        useFactory: (handlers: Handlers, discovery: DiscoveryService) =>
          hasExempt(discovery) ? new NextGuard(handlers) : undefined,
        inject: [Handlers, DiscoveryService],
      },
    ],
    exports: [Sentinel, UnderWay, Bots],
  }
  return { module: SentinelModule, imports: [DiscoveryModule, core], providers: [Lifecycle] }
}

/** A bot may be given it before it is launched: what is wrong is told here, before there is an update. */
function sentinelOf(discovery: DiscoveryService, options: SentinelOptions | undefined): Sentinel {
  const sentinels = discovery.getProviders().filter(isOurs)
  if (sentinels.length > 1) {
    const message =
      'is imported more than once: every update would be judged by each. Import it in one module, it is global'
    throw new SentinelOptionsError([{ path: 'SentinelModule', message }])
  }
  const sentinel = createSentinel(options)
  planRouted(sentinel, discovery)
  return sentinel
}

function isOurs({ token, host }: ReturnType<DiscoveryService['getProviders']>[number]): boolean {
  return token === Sentinel && host?.metatype === SentinelCoreModule
}
