/** What clients and servers complain of, as errors that say what it is and what to do. */
import { StoreError, toError } from '../../errors'

/** The least that a Redis user needs, as an ACL rule (`ACL SETUSER name on >password …`). */
export const LEAST_PRIVILEGES =
  '~<prefix>:* &sentinel:changes +evalsha +eval +get +mget +set +mset +del +sadd +srem +smembers +scan +time +ping +publish +subscribe'

/** What a complaint starts with (its code), contains, or has as `code`, and what to say of it. */
interface Explanation {
  readonly when: RegExp
  readonly say: (name: string, complaint: string) => string
}

/** The first that fits. */
const EXPLANATIONS: readonly Explanation[] = [
  {
    when: /^NOPERM|ACL failure|can't run this command|no permissions/i,
    say: (name, text) =>
      `the user of ${name} lacks a permission; it needs: ${LEAST_PRIVILEGES} (prefix: the option of that name, 'sentinel' unless set). The server says: ${text}`,
  },
  {
    when: /^WRONGPASS|invalid (username-password|password)|without any password configured/i,
    say: (name, text) => `${name} does not accept this user name and password. The server says: ${text}`,
  },
  {
    when: /^NOAUTH|HELLO must be called with the client already authenticated/i,
    say: (name) => `${name} wants a password: redis://user:password@host:port, or the client's options`,
  },
  {
    when: /^READONLY|-READONLY/,
    say: (name) =>
      `${name} is a read-only replica: connect to its master, or give the store createSentinel(…), which follows it`,
  },
  {
    when: /^OOM|-OOM|used memory > 'maxmemory'/,
    say: (name) =>
      `the memory of ${name} is full (maxmemory with maxmemory-policy noeviction): raise maxmemory or remove other keys`,
  },
  {
    when: /^CROSSSLOT/,
    say: (name) => `${name} belongs to a Redis Cluster: give the store createCluster({ rootNodes: […] })`,
  },
  {
    when: /^(MOVED|ASK) /,
    say: (name) => `${name} belongs to a Redis Cluster: give the store createCluster({ rootNodes: […] })`,
  },
  {
    when: /^BUSY /,
    say: (name) =>
      `${name} is busy with a script that does not end: SCRIPT KILL ends one that has written nothing`,
  },
  { when: /^LOADING/, say: (name) => `${name} is still loading its data: it is back by itself` },
  {
    when: /^MASTERDOWN/,
    say: (name) => `${name} is a replica that has lost its master: connect to a master`,
  },
  {
    when: /^(CLUSTERDOWN|TRYAGAIN)/,
    say: (name, text) =>
      `the Redis Cluster of ${name} cannot serve this now (a failover, or slots on the move): ${text}`,
  },
  {
    when: /unknown command .?(evalsha|eval)\b/i,
    say: (name) => `${name} runs no scripts (EVALSHA, EVAL): the store needs Redis 6.2 or newer, or Valkey`,
  },
  {
    when: /^MISCONF|-MISCONF/,
    say: (name, text) =>
      `${name} refuses writes since it cannot save to its disk: repair that, or set stop-writes-on-bgsave-error no. ${text}`,
  },
  {
    when: /^NOREPLICAS|-NOREPLICAS/,
    say: (name) =>
      `${name} refuses writes since it has fewer replicas than its min-replicas-to-write asks for: start them, or lower that`,
  },
  {
    when: /ECONNREFUSED/,
    say: (name) => `nothing listens at ${name}: is the server running, are host and port right?`,
  },
  { when: /ENOTFOUND|EAI_AGAIN/, say: (name) => `the host of ${name} is not found: check the name` },
  {
    when: /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|Connection timeout/,
    say: (name, text) => {
      const tls = name.startsWith('rediss:') ? ', and whether it speaks TLS' : ''
      return `${name} cannot be reached: check host, port and firewalls${tls} (${text})`
    },
  },
  {
    when: /^ERR_(SSL|TLS)|CERT|EPROTO|SELF_SIGNED|UNABLE_TO_VERIFY/i,
    say: (name, text) =>
      `no TLS connection to ${name}: rediss:// is for servers with TLS whose certificate this process trusts (NODE_EXTRA_CA_CERTS), redis:// for those without. ${text}`,
  },
  {
    when: /client is closed/,
    say: (name) => `the client of ${name} was closed: close the bot's store first, or leave closing to it`,
  },
  {
    when: /root nodes are unavailable/,
    say: (name) => `no root node of ${name} answers: are they running, are hosts and ports right?`,
  },
  {
    when: /Socket closed|ECONNRESET|EPIPE|Disconnects client|client is offline/,
    say: (name, text) => `the connection to ${name} was lost: ${text}`,
  },
]

/** A StoreError for whatever a client threw; `cause` is that. */
export function problemOf(thrown: unknown, name: string): StoreError {
  if (thrown instanceof StoreError) return thrown
  const cause = toError(thrown)
  const complaint = complaintOf(cause)
  const known = EXPLANATIONS.find(({ when }) => when.test(complaint))
  return new StoreError(known?.say(name, complaint) ?? `${name}: ${complaint}`, { cause })
}

/** Whether a script was not run since the server does not know it. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof StoreError && toError(error.cause).message.startsWith('NOSCRIPT')
}

/** Its code, unless the message has it, and its message. */
function complaintOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const text = error.message.split('\n', 1)[0]
  return code === '' || text.includes(code) ? text : `${code} ${text}`.trim()
}
