/** Real bots against a fake Telegram, torn down after each test. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Telegraf } from 'telegraf'
import { FakeTelegram, type FakeTelegramOptions } from 'telegraf-sentinel/testing'

const cleanups: (() => unknown)[] = []

/** To be run in `afterEach`: the newest first. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
}

export async function startTelegram(options?: FakeTelegramOptions): Promise<FakeTelegram> {
  const telegram = await FakeTelegram.start(options)
  cleanups.push(() => telegram.stop())
  return telegram
}

export function botFor(telegram: FakeTelegram): Telegraf {
  return new Telegraf(telegram.token, { telegram: { apiRoot: telegram.apiRoot } })
}

/** Launches a bot in long polling; resolves once it waits for updates. The result stops it. */
export async function launch(
  telegram: FakeTelegram,
  bot: Telegraf,
  config: Telegraf.LaunchOptions = {},
): Promise<() => Promise<void>> {
  const running = bot.launch(config)
  await telegram.polled()
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    bot.stop()
    await running
  }
  cleanups.push(stop)
  return stop
}

/** Serves a bot's webhook on a free port; resolves with the address of `path`. */
export async function serveWebhook(bot: Telegraf, path: string, secretToken?: string): Promise<string> {
  const callback = bot.webhookCallback(path, { secretToken })
  const server = createServer((request, response) => void callback(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
}

/** Resolves once `check` holds; a test's own time limit ends a wait in vain. */
export async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise(setImmediate)
}

/** One call without Telegraf; the status and the Bot API's envelope. */
export async function call(
  telegram: FakeTelegram,
  method: string,
  params: object = {},
): Promise<{ status: number; ok: boolean; result?: unknown; description?: string; parameters?: object }> {
  const response = await fetch(`${telegram.apiRoot}/bot${telegram.token}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(params),
  })
  return { status: response.status, ...((await response.json()) as { ok: boolean }) }
}
