/** A NestJS application: nestjs-telegraf runs the bot, the sentinel guards it. */
import 'reflect-metadata'
import type { DynamicModule, INestApplicationContext } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { TelegrafModule } from 'nestjs-telegraf'
import { session, type Telegraf } from 'telegraf'
import { Sentinel } from 'telegraf-sentinel'
import { SentinelModule } from 'telegraf-sentinel/nestjs'
import { Checkout, Shop } from './shop'

class AppModule {}

export function appModule(token: string, options?: Partial<Telegraf.Options<never>>): DynamicModule {
  return {
    module: AppModule,
    imports: [
      SentinelModule.forRoot({
        store: process.env.REDIS_URL ?? 'memory',
        rateLimit: { limit: 100, window: '1h' },
      }),
      TelegrafModule.forRootAsync({
        inject: [Sentinel],
        useFactory: (sentinel: Sentinel) => ({
          token,
          options,
          // First of all, so that a flood ends here.
          middlewares: [sentinel.middleware(), session()],
        }),
      }),
    ],
    providers: [Shop, Checkout],
  }
}

export async function start(
  token: string,
  options?: Partial<Telegraf.Options<never>>,
): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(appModule(token, options), {
    logger: ['error', 'warn'],
  })
  // SIGTERM stops the bot, then closes the sentinel.
  return app.enableShutdownHooks()
}

// npm run build && BOT_TOKEN=123:abc npx ts-node --transpile-only samples/nestjs/app.ts
if (require.main === module) void start(process.env.BOT_TOKEN ?? '')
