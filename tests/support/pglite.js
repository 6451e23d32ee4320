'use strict'
// PGlite as node itself loads it: it imports modules while it runs, which jest's sandbox does not let it do.
const Module = require('node:module')
const { resolve } = require('node:path')

module.exports = Module._load(resolve(__dirname, '../../node_modules/@electric-sql/pglite'))
