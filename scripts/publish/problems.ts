import type { Facts } from './facts'

/** Nothing is uploaded in a dry run, so it needs no identity. */
export type Mode = 'dry run' | 'upload'

/** Why this is not to be published; each says what would be right. */
export function problemsOf(facts: Facts, mode: Mode): string[] {
  return [...inCheckout(facts), ...inPapers(facts), ...inRepository(facts), ...inIdentity(facts, mode)]
}

function inCheckout({ changes, tags, version }: Facts): string[] {
  const found: string[] = []
  if (changes.length > 0) found.push(`The checkout has changes that are not committed: ${changes.join(', ')}`)
  if (!tags.includes(`v${version}`)) {
    const has = tags.length === 0 ? 'none' : tags.join(', ')
    found.push(`This commit needs the tag v${version}, after the version in package.json; it has ${has}`)
  }
  return found
}

function inPapers({ changelog, version, locked }: Facts): string[] {
  const found: string[] = []
  if (locked !== version) {
    found.push(`package-lock.json is of ${locked}, package.json of ${version}: run npm install`)
  }
  if (sectionOf(changelog, version) === '') {
    found.push(
      `CHANGELOG.md needs a section "## [${version}] - <year>-<month>-<day>" that says what has changed`,
    )
  }
  return found
}

/** What the changelog says of a version; empty where it says nothing. */
function sectionOf(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m)
  const section = sections.find(
    (text) => /^\[(.+)\] - \d{4}-\d\d-\d\d$/m.exec(text.split('\n')[0])?.[1] === version,
  )
  return (section ?? '').split('\n').slice(1).join('\n').trim()
}

function inRepository({ declared, running }: Facts): string[] {
  if (declared === undefined && running === undefined) {
    return [
      'npm links the package to its sources: package.json needs a repository, or GITHUB_SERVER_URL and GITHUB_REPOSITORY have to be set',
    ]
  }
  if (declared !== undefined && running !== undefined && declared !== running) {
    return [
      `package.json has the repository ${declared}, but this runs for ${running}: npm would refuse the provenance`,
    ]
  }
  return []
}

function inIdentity({ identity }: Facts, mode: Mode): string[] {
  if (mode === 'dry run' || identity === 'given') return []
  return [
    'npm signs the provenance only in a GitHub Action with the permission id-token: write; elsewhere there is --dry-run',
  ]
}
