import { describe, expect, test } from 'vitest'
import { batch, ending, newMessage, openOwner, seqs } from '../../testing/journal-suite/harness.ts'
import type { JournalEnvironment } from '../journal.ts'
import { type CommitFate, simulated } from './simulated.ts'

/** Deferred calls lie here until a test lets them run. */
function heldBack(): { readonly environment: JournalEnvironment; readonly run: () => Promise<void> } {
  const waiting: (() => void)[] = []
  const now = (): number => 1000
  return {
    environment: {
      directory: '/',
      clock: { now, monotonic: now, timer: () => () => {}, defer: (run) => void waiting.push(run) },
      logger: { log: () => {} },
    },
    run: async () => {
      for (const run of waiting.splice(0)) run()
      await Promise.resolve()
    },
  }
}

const inNextTurn = (): JournalEnvironment => {
  const now = (): number => 1000
  const clock = { now, monotonic: now, timer: () => () => {}, defer: queueMicrotask }
  return { directory: '/', clock, logger: { log: () => {} } }
}

const one = batch(1, { accept: [newMessage()] })

/** What became of a promise by now. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const pending = new Promise((resolve) => setImmediate(resolve, 'pending'))
  return Promise.race([promise.then(() => 'resolved'), pending]).then(
    (state) => state as string,
    (error: { code: string }) => error.code,
  )
}

describe('a simulated journal', () => {
  test('commits when the clock says so, and not before', async () => {
    const { environment, run } = heldBack()
    const journal = await simulated().open(environment)
    const committing = journal.commit(one)
    expect(await stateOf(committing)).toBe('pending')
    expect(await journal.messages.load([1])).toEqual([])
    await run()
    expect(await committing).toEqual({ accepted: [{ seq: 1, duplicateOf: null }] })
    expect(await journal.messages.load([1])).toHaveLength(1)
  })

  test('loses what was under way in a crash, and answers the dead owner nothing', async () => {
    const { environment, run } = heldBack()
    const factory = simulated()
    const journal = await factory.open(environment)
    const committing = journal.commit(one)
    factory.crash()
    await run()
    expect(await stateOf(committing)).toBe('pending')
    expect(await stateOf(journal.messages.load([1]))).toBe('pending')
    expect(await stateOf(journal.commit(one))).toBe('pending')
    const again = await factory.open(environment)
    expect(again.opened).toEqual({ crashed: true, lastSeq: 0, historySize: 0 })
  })

  test.each<[CommitFate, string, number[]]>([
    ['ok', 'resolved', [1]],
    ['lost-before', 'pending', []],
    ['lost-after', 'pending', [1]],
    ['unreachable-before', 'JOURNAL_UNREACHABLE', []],
    ['unreachable-after', 'JOURNAL_UNREACHABLE', [1]],
    ['full', 'JOURNAL_FULL', []],
  ])('lets a commit end as told: %s', async (fate, answer, durable) => {
    const factory = simulated({ onCommit: () => fate })
    const journal = await factory.open(inNextTurn())
    expect(await stateOf(journal.commit(one))).toBe(answer)
    factory.crash()
    const again = await factory.open(inNextTurn())
    expect(seqs(await again.messages.load([1, 2]))).toEqual(durable)
    expect(again.opened.crashed).toBe(true)
  })

  test('writes a batch once whose outcome was unknown', async () => {
    const asked: string[] = []
    const fates: CommitFate[] = ['unreachable-after', 'full', 'unreachable-after', 'ok']
    const factory = simulated({
      onCommit: ({ id }, n) => {
        asked.push(`${id}/${n}`)
        return fates[n - 1] as CommitFate
      },
    })
    const journal = await factory.open(inNextTurn())
    for (const code of ['JOURNAL_UNREACHABLE', 'JOURNAL_FULL', 'JOURNAL_UNREACHABLE'])
      await expect(journal.commit(one)).rejects.toMatchObject({ code })
    expect(await journal.commit(one)).toEqual({ accepted: [{ seq: 1, duplicateOf: null }] })
    expect(seqs(await journal.history.query({ limit: 10 }))).toEqual([1])
    expect(asked).toEqual(['1/1', '1/2', '1/3', '1/4'])
    expect(factory.commits).toBe(4)
  })

  test('goes back to what it was', async () => {
    const environment = inNextTurn()
    const factory = simulated()
    const rig = { factory, environment, crash: async () => {}, dispose: async () => {} }
    const owner = await openOwner(rig)
    await owner.accept({ ready: true }, {})
    const snapshot = factory.snapshot()
    await owner.accept({})
    await owner.commit({ settle: [ending(1), ending(2)] })
    for (let round = 0; round < 2; round++) {
      factory.restore(snapshot)
      const again = await openOwner(rig)
      expect(again.journal.opened).toMatchObject({ crashed: true, lastSeq: 2 })
      expect(seqs(await again.journal.backlog.page('orders', 0, 10))).toEqual([1])
      expect(seqs(await again.journal.backlog.unsettled(0, 10))).toEqual([2])
      await again.commit({ settle: [ending(1), ending(2)] })
    }
  })

  test('can restore what was backed up', async () => {
    const factory = simulated()
    const rig = { factory, environment: inNextTurn(), crash: async () => {}, dispose: async () => {} }
    const owner = await openOwner(rig)
    await owner.accept({})
    await owner.journal.history.backup('copy', () => {})
    await owner.accept({})
    factory.restore(factory.backups.get('copy') as never)
    expect((await openOwner(rig)).journal.opened.lastSeq).toBe(1)
  })
})
