import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { readDiskLog } from './disk-log.ts'
import { buildShim, environmentOf } from './shim.ts'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'linkspan-shim-')))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const shim = buildShim(root)

/** What is recorded of a program that finds one file, `there`. */
function recordsOf(library: string, program: string): readonly string[] {
  const folder = join(root, 'disk')
  const log = join(root, 'disk.log')
  rmSync(folder, { recursive: true, force: true })
  rmSync(log, { force: true })
  mkdirSync(folder)
  writeFileSync(join(folder, 'there'), 'content')
  const recorded = environmentOf(library, { log, folder, cutAfter: null, syncIgnored: false })
  execFileSync(
    process.execPath,
    ['--eval', `const { openSync, closeSync } = require('node:fs'); ${program}`],
    {
      cwd: folder,
      env: { ...process.env, ...recorded },
    },
  )
  const records = existsSync(log) ? readDiskLog(readFileSync(log)) : []
  return records.map((record) => [record.kind, 'name' in record ? record.name : ''].join(' '))
}

it('records a file that is made or cut off by opening it, and nothing of an opening that must fail', (context) => {
  if ('reason' in shim) return context.skip(shim.reason)
  const { library } = shim
  const exclusively = "try { openSync('there', 'wx') } catch {}"
  expect(recordsOf(library, "closeSync(openSync('new', 'wx'))")).toEqual(['create new'])
  expect(recordsOf(library, "closeSync(openSync('there', 'w'))")).toEqual(['resize there'])
  expect(recordsOf(library, exclusively)).toEqual([])
})
