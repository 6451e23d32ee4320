import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ROOT } from './packed'

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

interface Job {
  readonly steps: readonly Step[]
  readonly strategy?: { readonly matrix: { readonly node: readonly number[] } }
}

interface Workflow {
  readonly on: Readonly<Record<string, { readonly branches?: string[]; readonly tags?: string[] } | null>>
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, Job>>
}

interface Form {
  readonly name?: string
  readonly description?: string
  readonly body?: readonly { readonly type: string; readonly id?: string; readonly attributes: object }[]
}

const GITHUB = join(ROOT, '.github')
const WORKFLOWS = readdirSync(join(GITHUB, 'workflows'))
const { engines, scripts, publishConfig } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  engines: { node: string }
  scripts: Record<string, string>
  publishConfig: object
}

function yaml<T>(...path: readonly string[]): T {
  return parse(readFileSync(join(GITHUB, ...path), 'utf8')) as T
}

function stepsOf(workflow: Workflow): Step[] {
  return Object.values(workflow.jobs).flatMap(({ steps }) => steps)
}

/** What a workflow runs, without the servers that the tests need where they may not install them. */
function commandsOf(workflow: Workflow): string[] {
  return stepsOf(workflow)
    .flatMap(({ run }) => run ?? [])
    .filter((run) => !/^sudo apt-get [^;|]*$/.test(run))
}

describe('the CI workflow', () => {
  const workflow = yaml<Workflow>('workflows', 'ci.yml')

  test('is .ci/run and nothing else', () => {
    expect(commandsOf(workflow)).toEqual(['.ci/run'])
    expect(statSync(join(ROOT, '.ci/run')).mode & 0o111).not.toBe(0)
  })

  test('runs on Node 20, 22 and 24, of which the first is the oldest that the package allows', () => {
    const { strategy, steps } = workflow.jobs['ci']
    expect(strategy?.matrix.node).toEqual([20, 22, 24])
    expect(engines.node).toBe('>=20')
    const setup = steps.find(({ uses }) => uses?.startsWith('actions/setup-node@'))
    expect(setup?.with).toMatchObject({ 'node-version': '${{ matrix.node }}' })
  })

  test('runs for what is proposed and for what has landed', () => {
    expect(workflow.on).toEqual({ push: { branches: ['main'] }, pull_request: null })
  })
})

describe('the release workflow', () => {
  const workflow = yaml<Workflow>('workflows', 'release.yml')

  test('publishes tags of versions, by the script that refuses what must not be published', () => {
    expect(workflow.on).toEqual({ push: { tags: ['v*'] } })
    expect(commandsOf(workflow)).toEqual(['npm ci', 'npm run audit', 'npm run release'])
  })

  test('may sign the provenance, which package.json asks for', () => {
    expect(workflow.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
    expect(publishConfig).toEqual({ access: 'public', provenance: true })
  })
})

describe.each(WORKFLOWS)('%s', (file) => {
  const workflow = yaml<Workflow>('workflows', file)

  test('takes actions by their major version', () => {
    const actions = stepsOf(workflow).flatMap(({ uses }) => uses ?? [])
    expect(actions.length).toBeGreaterThan(0)
    expect(actions.filter((action) => !/^actions\/[\w-]+@v\d+$/.test(action))).toEqual([])
  })

  test('may read, and write nothing in the repository', () => {
    expect(workflow.permissions['contents']).toBe('read')
    expect(
      Object.keys(workflow.permissions).filter((name) => !['contents', 'id-token'].includes(name)),
    ).toEqual([])
  })

  test('runs scripts that package.json has', () => {
    const named = commandsOf(workflow).flatMap((run) => /^npm run ([\w:]+)/.exec(run)?.[1] ?? [])
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })
})

describe('issue forms', () => {
  const forms = readdirSync(join(GITHUB, 'ISSUE_TEMPLATE')).filter((file) => file !== 'config.yml')

  test.each(forms)('%s has what GitHub asks of a form', (file) => {
    const { name, description, body = [] } = yaml<Form>('ISSUE_TEMPLATE', file)
    expect(name).toBeTruthy()
    expect(description).toBeTruthy()
    const fields = body.filter(({ type }) => type !== 'markdown')
    expect(fields.length).toBeGreaterThan(0)
    expect(body.filter(({ type }) => !['markdown', 'textarea', 'input', 'dropdown'].includes(type))).toEqual(
      [],
    )
    expect(fields.filter(({ attributes }) => !('label' in attributes))).toEqual([])
    expect(new Set(fields.map(({ id }) => id)).size).toBe(fields.length)
  })

  test('leave no blank issue, and a vulnerability has its own way', () => {
    expect(yaml('ISSUE_TEMPLATE', 'config.yml')).toEqual({ blank_issues_enabled: false })
    expect(existsSync(join(ROOT, 'SECURITY.md'))).toBe(true)
  })
})
