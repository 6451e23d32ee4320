'use strict'
// Lets a child process import this package by its name, from the sources, as jest does for the tests themselves.
const Module = require('node:module')
const { resolve } = require('node:path')

const lib = resolve(__dirname, '../../lib')
const SELF = {
  'telegraf-sentinel': resolve(lib, 'index.ts'),
  'telegraf-sentinel/redis': resolve(lib, 'stores/redis/index.ts'),
  'telegraf-sentinel/postgres': resolve(lib, 'stores/postgres/index.ts'),
  'telegraf-sentinel/testing': resolve(lib, 'testing/index.ts'),
}
const original = Module._resolveFilename
Module._resolveFilename = function (request, ...rest) {
  return original.call(this, SELF[request] ?? request, ...rest)
}
