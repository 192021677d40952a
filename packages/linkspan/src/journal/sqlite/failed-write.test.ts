import { existsSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  batch,
  bytes,
  newMessage,
  type Owner,
  openOwner,
  range,
  seqs,
  text,
} from '../../testing/journal-suite/harness.ts'
import { freshJournal } from './fixtures/fresh-journal.ts'
import { copyJournal, freshEnvironment } from './fixtures/rig.ts'
import { mountSmallDisk } from './fixtures/small-disk.ts'
import { sqlite, sqliteWith } from './sqlite.ts'
import type { Commit } from './store.ts'
import { verifyFile } from './verify.ts'

const fresh = freshJournal()

/** What SQLite throws when an fsync fails. */
const failedSync = (): Error => Object.assign(new Error('disk I/O error'), { errcode: 10 | (4 << 8) })

type Fault = 'none' | 'before' | 'after'

/** An owner whose next commits end as told: not written, or written and reported as failed. */
async function ownerWithFaults(): Promise<Owner & { readonly faults: Fault[] }> {
  const faults: Fault[] = []
  const commit: Commit = (run) => {
    const fault = faults.shift() ?? 'none'
    if (fault === 'before') throw failedSync()
    run()
    if (fault === 'after') throw failedSync()
  }
  const factory = sqliteWith('hub.db', {}, { commit })
  const owner = await openOwner({
    factory,
    environment: fresh.environment,
    crash: async () => {},
    dispose: async () => {},
  })
  return Object.assign(owner, { faults })
}

describe('a failed fsync', () => {
  test.each(['before', 'after'] as const)(
    'of a batch (%s it is durable) moves to a new file, with the batch in it once',
    async (fault) => {
      const owner = await ownerWithFaults()
      await owner.accept({ token: 'one' }, { ready: true })
      await owner.commit({ state: [{ scope: 's', key: 'k', value: bytes('v'), until: null }] })
      owner.faults.push(fault)
      const dedupe = { scope: 's', key: 'k', until: 9e9 }
      const { accepted } = await owner.commit({ accept: [newMessage({ dedupe }), newMessage({ dedupe })] })
      expect(accepted.map(({ seq, duplicateOf }) => [seq, duplicateOf?.seq])).toEqual([
        [3, undefined],
        [3, 3],
      ])
      expect(existsSync(`${fresh.path}.damaged-1`)).toBe(true)
      expect(fresh.lines.map(([, event]) => event)).toEqual(['journal.write-failed', 'journal.replaced'])

      expect(await owner.accept({})).toEqual([4])
      expect(await owner.journal.commit(owner.lastBatch)).toEqual({
        accepted: [{ seq: 4, duplicateOf: null }],
      })
      expect(text(await owner.journal.state.get('s', 'k'))).toBe('v')
      await owner.journal.close()
      expect(verifyFile(fresh.path, () => {})).toEqual([])
      const again = await sqlite('hub.db').open(fresh.environment)
      expect(seqs(await again.history.query({ limit: 10, order: 'oldest' }))).toEqual([1, 2, 3, 4])
      expect(again.opened.crashed).toBe(false)
      await again.close()
    },
  )

  test('of the new file too gives up', async () => {
    const owner = await ownerWithFaults()
    await owner.accept({})
    owner.faults.push('before', 'before')
    await expect(owner.accept({})).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
    await expect(owner.accept({})).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
    await expect(owner.journal.messages.load([1])).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
    await owner.journal.close()
    const again = await sqlite('hub.db').open(fresh.environment)
    expect(again.opened).toMatchObject({ crashed: true, lastSeq: 1 })
    await again.close()
  })

  test('while pruning moves to a new file as well', async () => {
    const owner = await ownerWithFaults()
    const [seq = 0] = await owner.accept({})
    await owner.commit({
      settle: [{ seq, ending: 'done', endedAt: 1, attempt: 1, frame: null, n: 0, reason: '' }],
      lowWater: 2,
    })
    owner.faults.push('before')
    expect(await owner.journal.history.prune(10, 10, 10, 10)).toBe(1)
    expect(existsSync(`${fresh.path}.damaged-1`)).toBe(true)
    expect(await owner.journal.messages.load([seq])).toEqual([])
    await owner.journal.close()
  })

  test('keeps each old file', async () => {
    const owner = await ownerWithFaults()
    for (let i = 0; i < 3; i++) {
      owner.faults.push('before')
      await owner.accept({})
    }
    expect([1, 2, 3, 4].map((n) => existsSync(`${fresh.path}.damaged-${n}`))).toEqual([
      true,
      true,
      true,
      false,
    ])
    await owner.journal.close()
  })
})

describe('a replacement that a crash cut short', () => {
  /** A crashed journal with one message in its log, and a whole copy with two waiting to take its place. */
  async function prepare(): Promise<void> {
    const make = async (count: number, to: string): Promise<void> => {
      const other = freshEnvironment()
      const owner = await openOwner({
        factory: sqlite('hub.db'),
        environment: other.environment,
        crash: async () => {},
        dispose: async () => {},
      })
      await owner.accept(...range(1, count).map(() => ({})))
      copyJournal(other.environment.directory, to)
      await owner.journal.close()
      other.remove()
    }
    await make(1, fresh.environment.directory)
    rmSync(`${fresh.path}-mark`)
    const whole = freshEnvironment()
    await make(2, whole.environment.directory)
    const journal = await sqlite('hub.db').open(whole.environment)
    await journal.close()
    renameSync(join(whole.environment.directory, 'hub.db'), `${fresh.path}.recovered`)
    whole.remove()
  }

  test.each([
    ['before anything was moved', () => {}],
    ['after the database was moved', () => renameSync(fresh.path, `${fresh.path}.damaged-1`)],
    [
      'after its log was moved',
      () => {
        renameSync(fresh.path, `${fresh.path}.damaged-1`)
        renameSync(`${fresh.path}-wal`, `${fresh.path}.damaged-1-wal`)
      },
    ],
  ])('is finished at the next start: %s', async (_when, moved) => {
    await prepare()
    moved()
    const journal = await sqlite('hub.db').open(fresh.environment)
    expect(journal.opened.lastSeq).toBe(2)
    await journal.close()
    expect(existsSync(`${fresh.path}.damaged-1`)).toBe(true)
    expect(existsSync(`${fresh.path}.damaged-1-wal`)).toBe(true)
    expect(existsSync(`${fresh.path}.recovered`)).toBe(false)
    expect(verifyFile(fresh.path, () => {})).toEqual([])
  })
})

const mounted = mountSmallDisk(3)
afterAll(() => mounted.unmount())

describe('a full disk', () => {
  test('refuses, loses nothing, and goes on when there is room again', async (context) => {
    if ('reason' in mounted) return context.skip(mounted.reason)
    const { directory } = mounted
    const ballast = join(directory, 'ballast')
    writeFileSync(ballast, Buffer.alloc(1024 * 1024))
    const { environment } = freshEnvironment(directory)
    const owner = await openOwner({
      factory: sqlite('hub.db'),
      environment,
      crash: async () => {},
      dispose: async () => {},
    })
    const accept = range(1, 20).map(() => newMessage({ body: Buffer.alloc(3000, 7) }))
    let committed = 0
    let id = 1
    const fill = async (): Promise<unknown> => {
      for (;;) {
        try {
          committed += (await owner.journal.commit(batch(id, { accept }))).accepted.length
        } catch (error) {
          return error
        }
        id += 1
      }
    }
    expect(await fill()).toMatchObject({ code: 'JOURNAL_FULL', retry: 'later' })
    expect(await fill()).toMatchObject({ code: 'JOURNAL_FULL' })
    expect(committed).toBeGreaterThan(0)
    expect((await owner.journal.history.query({ limit: 10_000 })).length).toBe(committed)
    rmSync(ballast)
    const { bavail, bsize } = statfsSync(directory)
    expect(bavail * bsize).toBeGreaterThan(500_000)
    const { accepted } = await owner.journal.commit(batch(id, { accept }))
    expect(accepted[0]?.seq).toBe(committed + 1)
    await owner.journal.close()
    expect(verifyFile(join(directory, 'hub.db'), () => {})).toEqual([])
  })
})
