/** docs/deploying.md, tried: two workers of the guide behind a webhook; one is stopped and nothing is lost. */
import type { Server } from 'node:http'
import { FakeTelegram } from 'telegraf-sentinel/testing'
import { parseAllDocuments } from 'yaml'
import { freePort } from '../support/servers/process'
import { startRedis, type RedisServer } from '../support/servers/redis'
import { blocksOf, type Block } from './blocks'
import { nameOf } from './program'
import { balance, deployed, serviceOf, startWorker, type Worker } from './workers'

const blocks = blocksOf('docs/deploying.md')
const service = serviceOf(only('a unit', ({ language }) => language === 'ini'))
const SECRET = 'only-telegram-knows'

let redis: RedisServer
let telegram: FakeTelegram
let place: ReturnType<typeof deployed>
const workers: Worker[] = []
let balancer: { readonly url: string; readonly server: Server }

beforeAll(async () => {
  place = deployed(only('a worker', (block) => nameOf(block) === 'src/worker.ts'))
  redis = await startRedis()
  telegram = await FakeTelegram.start()
  const env = {
    BOT_TOKEN: telegram.token,
    WEBHOOK_SECRET: SECRET,
    REDIS_URL: redis.url,
    API_ROOT: telegram.apiRoot,
  }
  const ports = [await freePort(), await freePort()]
  const started = ports.map((port) => startWorker(service, place.folder, port, env))
  for (const worker of started) workers.push(await worker)
  balancer = await balance(ports)
}, 60_000)

afterAll(async () => {
  for (const worker of workers) worker.kill()
  balancer.server.closeAllConnections()
  balancer.server.close()
  await telegram.stop()
  await redis.stop()
  place.remove()
})

test('the Deployment probes what the worker answers', async () => {
  const [deployment, svc] = parseAllDocuments(
    only('a manifest', ({ language }) => language === 'yaml').code,
  ).map((document) => document.toJS() as Manifest)
  const [container] = deployment.spec.template.spec.containers
  const port = container.ports[0].containerPort
  expect(container.env).toContainEqual({ name: 'PORT', value: String(port) })
  expect(svc.spec.ports[0].targetPort).toBe(port)
  for (const { httpGet } of [container.livenessProbe, container.readinessProbe]) {
    expect(httpGet.port).toBe(port)
    expect((await fetch(`http://127.0.0.1:${workers[0].port}${httpGet.path}`)).status).toBe(200)
  }
  expect((await fetch(`http://127.0.0.1:${workers[0].port}/other`)).status).toBe(404)
  const linger = Number(container.env.find(({ name }) => name === 'LINGER')?.value)
  expect(linger / 1000 + 2).toBeLessThan(deployment.spec.template.spec.terminationGracePeriodSeconds)
})

test('who does not know the secret sends no updates', async () => {
  const update = JSON.stringify(telegram.updates.text('/ping', { from: 666 }))
  const answer = await fetch(`${balancer.url}/telegram`, { method: 'POST', body: update })
  expect(answer.status).toBe(404)
})

test('a worker that is stopped loses no update, and the limit is one for all workers', async () => {
  await setWebhook()
  const users = Array.from({ length: 20 }, () => telegram.user())
  const round = (): void => users.forEach((user) => user.command('ping'))
  telegram.delay('sendMessage', '30ms') // updates are in hand when the signal comes
  for (let i = 0; i < 5; i++) round()
  await telegram.waitForCall('sendMessage', undefined, { timeout: '20s' })
  const stopped = workers[0].stop('SIGTERM')
  for (let i = 0; i < 5; i++) round()
  expect(await stopped).toBe(0)
  await telegram.idle({ timeout: '20s' })
  expect(users.map((user) => user.heard())).toEqual(users.map(() => Array.from({ length: 10 }, () => 'pong')))

  const flooder = users[0]
  for (let i = 0; i < 15; i++) flooder.command('ping')
  await telegram.idle({ timeout: '20s' })
  expect(await workers[1].stop('SIGTERM')).toBe(0)
  const said = workers.flatMap((worker) => worker.log().trim().split('\n'))
  // On a busy machine Redis may seem to be away for a moment; then memory lets as much through again.
  const switches = said.filter((line) => / (serves|is back)$/.test(line)).length
  const pongs = flooder.heard().filter((text) => text === 'pong')
  expect(pongs.length).toBeGreaterThanOrEqual(20)
  expect(pongs.length).toBeLessThanOrEqual(20 * (1 + switches))
  expect(said.filter((line) => !/^(listening on \d+|redis:.* (serves|is back))$/.test(line))).toEqual([])
}, 60_000)

async function setWebhook(): Promise<void> {
  const answer = await fetch(`${telegram.apiRoot}/bot${telegram.token}/setWebhook`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: `${balancer.url}/telegram`, secret_token: SECRET, max_connections: 100 }),
  })
  expect(answer.status).toBe(200)
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: number }
}

interface Container {
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly ports: readonly { readonly containerPort: number }[]
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
}

/** As much of a Deployment and a Service as matters here. */
interface Manifest {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly containers: readonly Container[]
      }
    }
    readonly ports: readonly { readonly targetPort: number }[]
  }
}

function only(what: string, wanted: (block: Block) => boolean): Block {
  const found = blocks.filter(wanted)
  if (found.length !== 1) throw new Error(`docs/deploying.md has ${found.length} blocks that are ${what}`)
  return found[0]
}
