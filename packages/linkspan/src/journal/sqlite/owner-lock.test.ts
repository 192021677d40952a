import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { takeLock } from './owner-lock.ts'

let folder: string
const journal = (): string => join(folder, 'hub.db')
const lockFile = (): string => `${journal()}-lock`
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linkspan-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const garbage = Buffer.alloc(8192, 'x')

/** What a loss of power may leave of the file, as nobody waits for the disk here. */
const torn: readonly (readonly [what: string, tear: (whole: Buffer) => Buffer])[] = [
  ['its first page is lost', (whole) => Buffer.concat([Buffer.alloc(4096), whole.subarray(4096)])],
  ['its second page is lost', (whole) => Buffer.concat([whole.subarray(0, 4096), Buffer.alloc(4096)])],
  ['its end is lost', (whole) => whole.subarray(0, 4096)],
  ['half of its first page is lost', (whole) => Buffer.concat([whole.subarray(0, 512), Buffer.alloc(7680)])],
  ['it is anything', () => garbage],
  ['it is empty', () => Buffer.alloc(0)],
]

describe('the lock of a journal', () => {
  it.each(torn)('is taken although %s', (_what, tear) => {
    takeLock(journal()).release()
    writeFileSync(lockFile(), tear(readFileSync(lockFile())))
    takeLock(journal()).release()
    const lock = takeLock(journal())
    expect(() => takeLock(journal())).toThrow(expect.objectContaining({ code: 'JOURNAL_IN_USE' }))
    lock.release()
  })

  it('is taken although the rollback journal of its file is torn', () => {
    takeLock(journal()).release()
    const whole = readFileSync(lockFile())
    writeFileSync(lockFile(), Buffer.concat([whole.subarray(0, 4096), garbage.subarray(0, 4096)]))
    writeFileSync(`${lockFile()}-journal`, garbage)
    takeLock(journal()).release()
    expect(readdirSync(folder)).toEqual(['hub.db-lock'])
  })

  it('stays with a process that has it, also when its file is overwritten', async () => {
    const child = fork(new URL('./fixtures/owner-process.ts', import.meta.url), [folder], { execArgv: [] })
    try {
      await once(child, 'message')
      writeFileSync(lockFile(), garbage)
      for (let times = 0; times < 2; times++)
        expect(() => takeLock(journal())).toThrow(expect.objectContaining({ code: 'JOURNAL_IN_USE' }))
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    takeLock(journal()).release()
  })

  it('says what is wrong when its file cannot be made', () => {
    expect(() => takeLock(join(folder, 'missing', 'hub.db'))).toThrow(/unable to open database file/)
  })
})
