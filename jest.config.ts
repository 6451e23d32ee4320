import type { Config } from 'jest'

/** What lib/ stands on, besides what the main project has (Telegraf 4.16, redis 6): the aliases in package.json. */
const INTEROP = [
  { telegraf: '4.11', redis: '5' },
  { telegraf: '4.13', redis: '6' },
  { telegraf: '4.16', redis: '5' },
] as const

const project = {
  testEnvironment: 'node',
  transform: { '^.+\\.ts$': ['ts-jest', { diagnostics: false }] },
  moduleNameMapper: {
    '^@electric-sql/pglite$': '<rootDir>/tests/support/pglite.js',
    '^telegraf-sentinel$': '<rootDir>/lib/index.ts',
    '^telegraf-sentinel/(redis|postgres)$': '<rootDir>/lib/stores/$1/index.ts',
    '^telegraf-sentinel/(testing|nestjs)$': '<rootDir>/lib/$1/index.ts',
  },
} satisfies Config

const config: Config = {
  projects: [
    {
      ...project,
      displayName: 'main',
      roots: ['<rootDir>/tests', '<rootDir>/samples'],
      testMatch: ['**/*.test.ts'],
      globals: { VERSIONS: { telegraf: '4.16', redis: '6', pg: '8' } },
    },
    ...INTEROP.map(({ telegraf, redis }) => ({
      ...project,
      displayName: `telegraf ${telegraf}, redis ${redis}`,
      roots: ['<rootDir>/tests/interop'],
      testMatch: ['<rootDir>/tests/interop/*.test.ts'],
      globals: { VERSIONS: { telegraf, redis, pg: '8' } },
      moduleNameMapper: {
        ...project.moduleNameMapper,
        ...(telegraf !== '4.16' && { '^telegraf(/.*)?$': `telegraf-${telegraf}$1` }),
        ...(redis !== '6' && { '^redis$': `redis-${redis}` }),
      },
    })),
  ],
  // Of all projects: one of its own, in a project, is not heard.
  testTimeout: 30_000,
  collectCoverageFrom: ['lib/**/*.ts'],
  coverageThreshold: { global: { lines: 95 } },
}

export default config
