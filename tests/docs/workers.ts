/** The worker of docs/deploying.md as the guide starts it: compiled, in a folder of its own, by the unit's command line. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import ts from 'typescript'
import { ROOT, type Block } from './blocks'

/** Lets a plain node find this package in its sources. */
const LOADER = `--require ts-node/register/transpile-only --require ${resolve(ROOT, 'tests/support/self.js')}`

/** A folder like /opt/bot, with `dist/worker.js` of this block. */
export function deployed(worker: Block): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'telegraf-sentinel-deploy-'))
  const { outputText } = ts.transpileModule(worker.code, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.CommonJS,
      esModuleInterop: true,
    },
  })
  const file = join(folder, 'dist/worker.js')
  mkdirSync(dirname(file))
  writeFileSync(file, outputText)
  symlinkSync(resolve(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Settings of a unit's `[Service]`. */
export function serviceOf(unit: Block): ReadonlyMap<string, string> {
  return new Map([...unit.code.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]))
}

export interface Worker {
  readonly port: number
  /** What it has said. */
  log(): string
  /** Sends the signal and resolves with its exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>
  kill(): void
}

/** Starts the unit's command line for a port, as systemd would; resolves when it listens. */
export async function startWorker(
  service: ReadonlyMap<string, string>,
  folder: string,
  port: number,
  env: Readonly<Record<string, string>>,
): Promise<Worker> {
  const instance = (text: string): string => text.replaceAll('%i', String(port))
  const [program, ...args] = instance(service.get('ExecStart') ?? '').split(' ')
  if (program !== '/usr/bin/node') throw new Error(`ExecStart begins with ${program}, not with /usr/bin/node`)
  const own = instance(service.get('Environment') ?? '')
    .split(' ')
    .map((word) => word.split('=', 2))
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      NODE_OPTIONS: LOADER,
      TS_NODE_PROJECT: resolve(ROOT, 'tsconfig.json'),
      ...(Object.fromEntries(own) as Record<string, string>),
      ...env,
    },
  })
  // Nothing is left behind, however the test ends.
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  let said = ''
  const heard = (chunk: Buffer): void => void (said += chunk.toString())
  child.stdout.on('data', heard)
  child.stderr.on('data', heard)
  await listening(child, () => said).catch((error: unknown) => {
    kill()
    throw error
  })
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    const ended = once(child, 'exit') as Promise<[number | null]>
    child.kill(signal)
    return (await ended)[0]
  }
  return { port, log: () => said, stop, kill }
}

function listening(child: ChildProcess, said: () => string): Promise<void> {
  return new Promise((done, failed) => {
    child.stdout?.on('data', () => said().includes('listening') && done())
    child.once('exit', (code) => failed(new Error(`the worker ended with ${code}: ${said()}`)))
  })
}

/** A load balancer: hands each request to the next worker, to the one after it where nobody takes it. */
export async function balance(
  ports: readonly number[],
): Promise<{ readonly url: string; readonly server: Server }> {
  let next = 0
  const server = createServer((incoming, outgoing) => {
    void buffer(incoming).then((body) =>
      pass(
        incoming,
        body,
        outgoing,
        [...ports.keys()].map((i) => ports[(next + i) % ports.length]),
      ),
    )
    next++
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

function pass(
  incoming: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
  ports: readonly number[],
): void {
  const [port, ...others] = ports
  if (port === undefined) return void outgoing.writeHead(502).end()
  const { method, url, headers } = incoming
  const address = { host: '127.0.0.1', port, method, path: url, headers, agent: false }
  const forwarded = request(address, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502)
    answer.pipe(outgoing)
  })
  forwarded.on('error', (error: NodeJS.ErrnoException) => {
    // What was taken and then lost is Telegram's to send again.
    if (error.code === 'ECONNREFUSED') pass(incoming, body, outgoing, others)
    else outgoing.writeHead(502).end()
  })
  forwarded.end(body)
}
