import type { Config } from 'jest'

const config: Config = {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests', '<rootDir>/samples'],
  testMatch: ['**/*.test.ts'],
  transform: { '^.+\\.ts$': ['ts-jest', { diagnostics: false }] },
  moduleNameMapper: {
    '^@electric-sql/pglite$': '<rootDir>/tests/support/pglite.js',
    '^telegraf-sentinel$': '<rootDir>/lib/index.ts',
    '^telegraf-sentinel/(redis|postgres)$': '<rootDir>/lib/stores/$1/index.ts',
    '^telegraf-sentinel/testing$': '<rootDir>/lib/testing/index.ts',
  },
  collectCoverageFrom: ['lib/**/*.ts'],
  coverageThreshold: { global: { lines: 95 } },
  testTimeout: 30_000,
}

export default config
