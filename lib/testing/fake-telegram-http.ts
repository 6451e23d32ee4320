/** The HTTP side: `/bot<token>/<method>` in, the Bot API's envelope out. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { ApiError, Disconnect, type ApiAnswer, type Params } from './fake-telegram-api'
import { parseParams } from './fake-telegram-body'

/** Answers one call. `gone` aborts when the caller hangs up. @throws Disconnect if there is to be no answer */
export type Handler = (method: string, params: Params, gone: AbortSignal) => Promise<ApiAnswer>

/** Listens on 127.0.0.1; port 0 means any free one. */
export async function listen(token: string, port: number, handler: Handler): Promise<Server> {
  const server = createServer((request, response) => {
    void serve(request, response, token, handler)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

/** Where a server listens. */
export function addressOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo
  return `http://${address}:${port}`
}

/** Closes a server and all its connections, idle ones and busy ones. */
export async function shut(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
  handler: Handler,
): Promise<void> {
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  try {
    const { method, params } = await readCall(request, token)
    reply(response, await handler(method, params, gone.signal))
  } catch (error) {
    if (error instanceof ApiError) reply(response, error.answer())
    else if (error instanceof Disconnect || gone.signal.aborted) request.socket.destroy()
    else reply(response, new ApiError(500, String(error)).answer())
  }
}

async function readCall(
  request: IncomingMessage,
  token: string,
): Promise<{ method: string; params: Params }> {
  const body = await buffer(request)
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  const [, given, method] = /^\/bot([^/]+)\/(?:test\/)?(\w+)$/.exec(decodeURIComponent(url.pathname)) ?? []
  if (given === undefined || !/^\d+:/.test(given)) throw new ApiError(404)
  if (given !== token) throw new ApiError(401)
  return { method, params: parseParams(request.headers['content-type'] ?? '', body, url.searchParams) }
}

function reply(response: ServerResponse, answer: ApiAnswer): void {
  const body = JSON.stringify(answer)
  response
    .writeHead(answer.ok ? 200 : answer.error_code, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    })
    .end(body)
}
