#!/usr/bin/env node
// Runs on any Node: `npm create linkspan my-hub` is `linkspan init my-hub`, whose own start checks the version.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const linkspan = dirname(createRequire(import.meta.url).resolve('linkspan/package.json'))
process.argv.splice(2, 0, 'init')
await import(pathToFileURL(join(linkspan, 'bin', 'linkspan.js')).href)
