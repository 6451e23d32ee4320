/** What can go wrong between a bot and its store's server. */
import type { Proxy, ProxyMode } from '../support/servers/proxy'
import type { Scenario } from './scenario'

export type Fault = Pick<Scenario, 'fault' | 'begin' | 'end' | 'away' | 'countedFrom'>

/** Faults of the network. The proxy is asked for when it is there. */
export function networkFaults(proxy: () => Proxy): Fault[] {
  const network = (fault: string, mode: ProxyMode, rest: Partial<Fault> = {}): Fault => ({
    fault,
    begin: () => proxy().become(mode),
    end: () => proxy().become('pass'),
    ...rest,
  })
  return [
    network('connections refused', 'refuse'),
    network('connections reset in the middle of a reply', 'reset'),
    network('black hole', 'black-hole'),
    network('2 s slow each way', 'slow'),
    // The server can be reached again at once, if only the client does not wait for the old connections.
    network('half-open connections', 'half-open', { countedFrom: 'begin' }),
  ]
}

/** A server that a test may mistreat. */
export interface Mistreated {
  pause(): void
  resume(): void
  kill(): Promise<void>
}

/** Faults of the server. `revive` starts it again after `kill`. */
export function serverFaults(server: () => Mistreated, revive: () => Promise<void>): Fault[] {
  return [
    { fault: 'SIGSTOP, then SIGCONT', begin: () => server().pause(), end: () => server().resume() },
    { fault: 'SIGKILL, then started again', begin: () => server().kill(), end: revive },
  ]
}
