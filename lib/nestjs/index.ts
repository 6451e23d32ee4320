/** `telegraf-sentinel/nestjs`: guards on the classes that nestjs-telegraf routes. */
import './peers'

export { SentinelModule } from './module'
export type { SentinelModuleAsyncOptions, SentinelOptionsFactory } from './options'
