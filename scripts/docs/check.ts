/** A site that works from a folder: every link and anchor leads somewhere in it, and nothing is fetched from elsewhere. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

const REMOTE = /^(?:[a-z]+:)?\/\//i
/** Tags that make a browser fetch what they name. */
const FETCHING = new Set(['script', 'link', 'img', 'iframe', 'source', 'video', 'audio', 'object', 'embed'])

/** What is wrong with the site in a folder, one line each. */
export function problemsIn(site: string): string[] {
  const files = readdirSync(site, { recursive: true, encoding: 'utf8' })
  const pages = files.filter((name) => name.endsWith('.html'))
  const ids = new Map(pages.map((page) => [resolve(site, page), idsIn(read(site, page))]))
  const styles = files.filter((name) => name.endsWith('.css'))
  return [
    ...(pages.length === 0 ? ['the site has no pages'] : []),
    ...pages.flatMap((page) => problemsOf(site, page, ids)),
    ...styles.flatMap((style) => remoteIn(read(site, style)).map((url) => `${style} fetches ${url}`)),
  ]
}

function problemsOf(site: string, page: string, ids: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const html = read(site, page)
  const tags = [...html.matchAll(/<(\w+)\b[^>]*?\s(?:href|src)="([^"]*)"/g)].map(([, tag, url]) => ({
    tag,
    url,
  }))
  const broken = tags.flatMap(({ tag, url }) => {
    if (REMOTE.test(url)) return FETCHING.has(tag) ? [`${page} fetches ${url}`] : []
    if (/^(?:mailto|data|javascript):/.test(url)) return []
    return leadsNowhere(resolve(site, page), url, ids) ? [`${page} links to ${url}, which is not there`] : []
  })
  const inline = [...html.matchAll(/<style[^>]*>([^]*?)<\/style>/g)].flatMap(([, css]) => remoteIn(css))
  return [...broken, ...inline.map((url) => `${page} fetches ${url}`)]
}

function leadsNowhere(page: string, url: string, ids: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const [path, anchor] = decode(url).split('#')
  const target = path === '' ? page : resolve(dirname(page), path.replace(/\?.*$/, ''))
  if (!existsSync(target) || !statSync(target).isFile()) return true
  const known = ids.get(target)
  return anchor !== undefined && anchor !== '' && known !== undefined && !known.has(anchor)
}

function idsIn(html: string): Set<string> {
  return new Set([...html.matchAll(/\s(?:id|name)="([^"]+)"/g)].map(([, id]) => decode(id)))
}

function remoteIn(css: string): string[] {
  return [...css.matchAll(/(?:url\(\s*["']?|@import\s+["'])([^"')]+)/g)]
    .map(([, url]) => url)
    .filter((url) => REMOTE.test(url))
}

function decode(text: string): string {
  return decodeURI(text.replace(/&amp;/g, '&').replace(/&quot;/g, '"'))
}

function read(site: string, file: string): string {
  return readFileSync(resolve(site, file), 'utf8')
}
