import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { ROOT } from './packed'

jest.setTimeout(60_000)

/** What a registry answers when it is asked for advisories about these packages; a number is an HTTP status. */
type Answer = number | Readonly<Record<string, readonly object[]>>

let registry: Server
let answer: Answer
let asked: string[]

beforeEach(async () => {
  asked = []
  registry = createServer((request, response) => {
    if (request.method !== 'POST') return void response.writeHead(404).end('{}')
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
      asked = Object.keys(JSON.parse(text.toString()) as object)
      if (typeof answer === 'number') response.writeHead(answer).end('{}')
      else response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    })
  }).listen(0, '127.0.0.1')
  await once(registry, 'listening')
})

afterEach(() => {
  registry.closeAllConnections()
  registry.close()
})

function audit(): Promise<{ code: number; said: string }> {
  const { port } = registry.address() as AddressInfo
  const env = {
    ...process.env,
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_fetch_retries: '0',
  }
  const loader = ['-r', 'ts-node/register/transpile-only', join(ROOT, 'scripts/audit.ts')]
  return new Promise((resolve) => {
    execFile(process.execPath, loader, { cwd: ROOT, env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), said: stdout + stderr }),
    )
  })
}

test('asks for what users install with the package, and is content where nothing is known', async () => {
  answer = {}
  expect(await audit()).toEqual({ code: 0, said: expect.stringMatching(/^No known vulnerabilities/) })
  expect(asked).toEqual(expect.arrayContaining(['ms', 'zod', 'cli-progress']))
  expect(asked).not.toContain('jest')
})

test('fails where something is known, and says what', async () => {
  answer = {
    ms: [
      {
        id: 1,
        url: 'https://example.com/advisory',
        title: 'Takes for ever',
        severity: 'high',
        vulnerable_versions: '*',
        cwe: [],
        cvss: { score: 0, vectorString: null },
      },
    ],
  }
  const { code, said } = await audit()
  expect(said).toContain('Takes for ever')
  expect(code).toBe(1)
})

test('a registry that answers no audits is no failure, and no silence either', async () => {
  answer = 405
  const { code, said } = await audit()
  expect(said).toMatch(/^Nothing was audited, the registry does not answer: .*405/)
  expect(code).toBe(0)
})
