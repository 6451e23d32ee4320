/** What goes wrong during the soak: the network, or the server. One fault at a time, each for a moment. */
import type { Proxy, ProxyMode } from '../support/servers/proxy'
import type { Durable } from './durable'

export interface Fault {
  readonly name: string
  begin(): void | Promise<void>
  end(): void | Promise<void>
}

const NETWORK: readonly ProxyMode[] = ['refuse', 'reset', 'black-hole', 'slow', 'half-open']

export function faultsOf(proxy: Proxy, server: Durable): Fault[] {
  const network = NETWORK.map((mode): Fault => {
    return { name: mode, begin: () => proxy.become(mode), end: () => proxy.become('pass') }
  })
  return [
    ...network,
    { name: 'SIGSTOP', begin: () => server.pause(), end: () => server.resume() },
    { name: 'SIGKILL', begin: () => server.kill(), end: () => server.start() },
  ]
}
