import type {
  FactoryProvider,
  InjectionToken,
  ModuleMetadata,
  OptionalFactoryDependency,
  Provider,
  Type,
} from '@nestjs/common'
import type { Context } from 'telegraf'
import { SentinelOptionsError } from '../errors'
import type { SentinelOptions } from '../options'

/** Makes the sentinel's options, for `useClass` and `useExisting`. */
export interface SentinelOptionsFactory<C extends Context = Context> {
  createSentinelOptions(): SentinelOptions<C> | Promise<SentinelOptions<C>>
}

/** What `SentinelModule.forRootAsync` takes: one of `useFactory`, `useClass` and `useExisting`. */
export interface SentinelModuleAsyncOptions<C extends Context = Context> extends Pick<
  ModuleMetadata,
  'imports'
> {
  /** What `useFactory` is called with. */
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[]
  readonly useFactory?: (...injected: never[]) => SentinelOptions<C> | Promise<SentinelOptions<C>>
  /** Made for this by Nest. */
  readonly useClass?: Type<SentinelOptionsFactory<C>>
  /** A provider of `imports`, or of a global module. */
  readonly useExisting?: InjectionToken
}

/** The token of the options. */
export const SENTINEL_OPTIONS = Symbol('telegraf-sentinel options')

const WAYS = ['useFactory', 'useClass', 'useExisting'] as const

/**
 * What provides the options, the way the author has chosen.
 *
 * @throws SentinelOptionsError unless there is exactly one
 */
export function optionsProviders<C extends Context>(options: SentinelModuleAsyncOptions<C>): Provider[] {
  const chosen = WAYS.filter((way) => options[way] !== undefined)
  if (chosen.length !== 1) {
    const message = `takes one of ${WAYS.join(', ')}, not ${chosen.join(' and ') || 'none of them'}`
    throw new SentinelOptionsError([{ path: 'SentinelModule.forRootAsync', message }])
  }
  const { useFactory, useClass, useExisting, inject = [] } = options
  if (useFactory !== undefined) {
    const factory = useFactory as FactoryProvider['useFactory']
    return [{ provide: SENTINEL_OPTIONS, useFactory: factory, inject }]
  }
  const provide = useClass ?? (useExisting as InjectionToken)
  const asked: Provider = {
    provide: SENTINEL_OPTIONS,
    useFactory: (factory: SentinelOptionsFactory<C>) => factory.createSentinelOptions(),
    inject: [provide],
  }
  return useClass === undefined ? [asked] : [asked, useClass]
}
