/** What fragments leave out: a block of a few lines need not import what its document is about. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import * as telegraf from 'telegraf'
import ts from 'typescript'
import { entryPoints } from '../../scripts/docs/entries'
import { ROOT, type Block } from './blocks'

const GIVEN = JSON.stringify(resolve(ROOT, 'tests/docs/given.js'))

/** Fragments may use the package's own names without importing them, docstrings those of its subpaths, too. */
const ENTRIES = [...entryPoints()]

/** What is declared once for all fragments (given.ts), and what docstrings speak of besides. */
export const GIVEN_NAMES = ['bot', 'sentinel', 'Shop', 'MyStore', 'userId', 'spammers', 'customers']
const EXAMPLE_NAMES: Readonly<Record<string, string>> = {
  app: `import('express').Express`,
  fastify: `import('fastify').FastifyInstance`,
  http: `typeof import('node:http')`,
  scene: `import('telegraf').Scenes.BaseScene`,
  ctx: `import('telegraf').Context & { from: { id: number } }`,
  users: 'readonly { id: number; plan: string }[]',
  telegram: `import('telegraf-sentinel/testing').FakeTelegram`,
  shop: `InstanceType<import(${GIVEN}).Given['Shop']>`,
  Module: `typeof import('@nestjs/common').Module`,
  TelegrafModule: `typeof import('nestjs-telegraf').TelegrafModule`,
  Cart: 'new () => object',
  connection: `ConstructorParameters<typeof Engine>[0]`,
  request: `import(${JSON.stringify(resolve(ROOT, 'lib/stores/decision.js'))}).DecisionRequest`,
  connect: '() => void',
  pool: `import('pg').Pool`,
  message: `typeof import('telegraf/filters').message`,
  writeFile: `typeof import('node:fs/promises').writeFile`,
}

/** A method that stands alone, decorators and all, is shown without its class. */
export function inClass(code: string): string {
  if (!code.trimStart().startsWith('@')) return code
  const source = ts.createSourceFile('block.ts', code, ts.ScriptTarget.ES2022)
  const isWhole = source.statements.some((node) => ts.isClassDeclaration(node))
  return isWhole ? code : `@Controller() class Example { ${code}\n}`
}

/** Declarations, on one line, of what a block uses and neither declares nor imports. */
export function givenIn(block: Block): string {
  const missing = [...freeNames(inClass(block.code))]
  const isExample = block.file.startsWith('lib/')
  const lines = missing.flatMap((name) => declarationOf(name, block, isExample) ?? [])
  return lines.length === 0 ? '' : `${lines.join(';')};`
}

function declarationOf(name: string, block: Block, isExample: boolean): string | undefined {
  if (GIVEN_NAMES.includes(name)) return `declare const ${name}: import(${GIVEN}).Given['${name}']`
  if (name === 'Context') return `import type { Context } from 'telegraf'`
  for (const [module, file] of isExample ? ENTRIES : ENTRIES.slice(0, 1)) {
    if (exportsOf(file).has(name)) return `import { ${name} } from '${module}'`
  }
  if (!isExample) return undefined
  if (name in telegraf) return `import { ${name} } from 'telegraf'`
  if (exportsOf(block.file).has(name))
    return `import { ${name} } from '${resolve(ROOT, block.file).replace(/ts$/, 'js')}'`
  if (name === 'ConfigService') return 'declare class ConfigService { getOrThrow<T>(name: string): T }'
  return name in EXAMPLE_NAMES ? `declare const ${name}: ${EXAMPLE_NAMES[name]}` : undefined
}

const known = new Map<string, Set<string>>()

/** The names that a file exports: by name, or through one of `export *`. */
function exportsOf(file: string): Set<string> {
  const names = known.get(file) ?? readExports(file)
  known.set(file, names)
  return names
}

function readExports(file: string): Set<string> {
  const path = resolve(ROOT, file)
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022)
  const names = new Set<string>()
  for (const node of source.statements) {
    if (ts.isExportDeclaration(node)) {
      const { exportClause } = node
      if (exportClause === undefined) for (const name of exportsOf('lib/decorators/index.ts')) names.add(name)
      else if (ts.isNamedExports(exportClause))
        for (const { name } of exportClause.elements) names.add(name.text)
    } else if (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(isExport)) {
      for (const name of declaredBy(node)) names.add(name)
    }
  }
  return names
}

function isExport({ kind }: ts.Modifier): boolean {
  return kind === ts.SyntaxKind.ExportKeyword
}

function declaredBy(node: ts.Node): string[] {
  if (ts.isVariableStatement(node)) {
    return node.declarationList.declarations.map(({ name }) => (ts.isIdentifier(name) ? name.text : ''))
  }
  const { name } = node as { name?: ts.Node }
  return name !== undefined && ts.isIdentifier(name) ? [name.text] : []
}

/** Names that a block uses and does not declare where it uses them. */
export function freeNames(code: string): Set<string> {
  const free = new Set<string>()
  const look = (node: ts.Node, around: ReadonlySet<string>): void => {
    const known = opensScope(node) ? new Set([...around, ...declaredIn(node)]) : around
    if (ts.isIdentifier(node) && !known.has(node.text)) free.add(node.text)
    ts.forEachChild(node, (child) => {
      if (!isOnlyName(child, node)) look(child, known)
    })
  }
  look(ts.createSourceFile('block.ts', code, ts.ScriptTarget.ES2022), new Set())
  return free
}

function opensScope(node: ts.Node): boolean {
  return (
    ts.isSourceFile(node) ||
    ts.isFunctionLike(node) ||
    ts.isBlock(node) ||
    ts.isForOfStatement(node) ||
    ts.isForStatement(node)
  )
}

/** The names that a scope declares, but for those of the scopes within. */
function declaredIn(scope: ts.Node): Set<string> {
  const names = new Set<string>()
  const look = (node: ts.Node): void => {
    const { name } = node as { name?: ts.Node }
    if (declares(node) && name !== undefined && ts.isIdentifier(name)) names.add(name.text)
    if (!opensScope(node)) ts.forEachChild(node, look)
  }
  ts.forEachChild(scope, look)
  return names
}

/** `b` of `a.b`, of `{ b: 1 }` and of `{ b: a }`: no variable. */
function isOnlyName(child: ts.Node, parent: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)) return parent.name === child
  if (ts.isBindingElement(parent)) return parent.propertyName === child
  return (ts.isClassElement(parent) || ts.isTypeElement(parent)) && parent.name === child
}

function declares(node: ts.Node): boolean {
  return (
    ts.isVariableDeclaration(node) ||
    ts.isBindingElement(node) ||
    ts.isParameter(node) ||
    ts.isClassDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isImportClause(node) ||
    ts.isImportSpecifier(node) ||
    ts.isNamespaceImport(node)
  )
}
