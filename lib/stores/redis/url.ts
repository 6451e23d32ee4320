import { SentinelOptionsError } from '../../errors'

/**
 * Checks a Redis URL and returns it without user and password, for messages.
 *
 * @throws SentinelOptionsError that says what is wrong with it, and shows nothing of it that may be secret.
 */
export function addressOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined) throw wrong('is no URL')
  const { protocol, hostname, port, pathname, username, password, search } = parsed
  if (protocol !== 'redis:' && protocol !== 'rediss:') throw wrong(`starts with ${protocol}//`)
  if (hostname === '') throw wrong('names no host')
  if (!/^\/?\d*$/.test(pathname)) throw wrong(`has ${pathname} where the number of a database belongs`)
  if (search !== '') throw wrong(`has parameters (${search.slice(0, 1)}…), which mean nothing here`)
  if (![username, password].every(isDecodable)) {
    throw wrong('has a % in its user name or password that stands for nothing: write %25')
  }
  return `${protocol}//${hostname}:${port || '6379'}${pathname.length > 1 ? pathname : ''}`
}

function isDecodable(part: string): boolean {
  try {
    decodeURIComponent(part)
    return true
  } catch {
    return false
  }
}

function wrong(what: string): SentinelOptionsError {
  return new SentinelOptionsError([
    {
      path: 'store',
      message: `this Redis URL ${what}; it looks like redis://user:password@host:6379/0 (rediss:// with TLS)`,
    },
  ])
}
