import assert from 'node:assert/strict'
import type { Journal } from '../../journal/journal.ts'
import { isLinkspanError } from '../../model/errors.ts'
import { bytes, type Declare, ending, openOwner, range, seqs, text, wait } from './harness.ts'

/** What must survive the end of an owner, by closing and by a crash. */
export function testLives(declare: Declare): void {
  declare('opens empty', async ({ journal }) => {
    assert.deepEqual(journal.opened, { crashed: false, lastSeq: 0, historySize: 0 })
    assert.ok(journal.name.length > 0)
    assert.deepEqual(await journal.backlog.unsettled(0, 10), [])
  })

  declare('finds everything again after closing', async ({ journal, accept, commit }, rig) => {
    await accept({ key: 'k' }, { ready: true }, {})
    await commit({
      settle: [ending(1, { frame: bytes('end') })],
      state: [{ scope: 's', key: 'k', value: bytes('v'), until: null }],
      cursors: [{ name: 'c', value: '9' }],
      lowWater: 2,
    })
    await journal.close()
    const again = await openOwner(rig)
    assert.deepEqual(again.journal.opened, { crashed: false, lastSeq: 3, historySize: 1 })
    assert.deepEqual((await again.journal.messages.load([1]))[0]?.frames.map(text), ['end'])
    assert.deepEqual(seqs(await again.journal.backlog.page('orders', 0, 10)), [2])
    assert.equal(text(await again.journal.state.get('s', 'k')), 'v')
    assert.equal(await again.journal.cursors.get('c'), '9')
    await again.commit({ cursors: [{ name: 'c', value: null }] })
    assert.equal(await again.journal.cursors.get('c'), null)
    assert.deepEqual(await again.accept({}), [4])
  })

  declare('finds after a crash what was committed, and what was running', async ({ accept, commit }, rig) => {
    await accept(...range(1, 8).map((i) => ({ ready: i === 5 })))
    await commit({
      settle: [ending(1), ending(2), ending(4)],
      waits: [wait(6, { reason: 'delay', wakeAt: 1 })],
      lowWater: 3,
    })
    await rig.crash()
    const { journal, ...again } = await openOwner(rig)
    assert.deepEqual(journal.opened, { crashed: true, lastSeq: 8, historySize: 3 })
    assert.deepEqual(seqs(await journal.backlog.unsettled(0, 10)), [3, 7, 8])
    assert.deepEqual(seqs(await journal.backlog.unsettled(3, 1)), [7])
    assert.deepEqual(seqs(await journal.history.query({ live: true, limit: 10 })), [8, 7, 6, 5, 3])
    await again.commit({ waits: [wait(3), wait(7)], settle: [ending(8)], lowWater: 9 })
    assert.deepEqual(await journal.backlog.unsettled(0, 10), [])
    assert.deepEqual(seqs(await journal.backlog.page('orders', 0, 10)), [3, 5, 7])
  })

  declare('numbers the batches of each owner from 1', async ({ accept }, rig) => {
    await accept({})
    await accept({})
    await rig.crash()
    const again = await openOwner(rig)
    assert.deepEqual(await again.accept({}), [3])
    assert.equal(again.lastBatch.id, 1)
  })

  declare('settles after a crash what was accepted before it', async ({ accept }, rig) => {
    await accept({ flow: 'a' }, { flow: 'a' })
    await rig.crash()
    const { journal, commit } = await openOwner(rig)
    await commit({ settle: [ending(1), ending(2, { ending: 'dead' })], lowWater: 3 })
    const totals = (await journal.history.totals()).map(
      ({ flow, ending, count }) => `${flow} ${ending} ${count}`,
    )
    assert.deepEqual(totals.sort(), ['a dead 1', 'a done 1'])
  })

  declare('has one owner at a time, or several members', async ({ journal }, rig) => {
    const open = (): Promise<Journal> => rig.factory.open(rig.environment)
    const { member, partitions } = journal.ownership
    if (partitions === 1) await assert.rejects(open(), (error) => isLinkspanError(error, 'JOURNAL_IN_USE'))
    else await (await open()).close()
    await journal.close()
    const next = await open()
    assert.equal(next.ownership.partitions, partitions)
    if (partitions === 1) assert.equal(next.ownership.member, 0)
    else assert.ok(next.ownership.member > member, 'later ones have greater numbers')
    await next.close()
  })

  declare('can be read beside its owner, and only read', async ({ accept }, rig) => {
    await accept({ key: 'k', flow: 'first' })
    const reader = await rig.factory.openForReading(rig.environment)
    assert.deepEqual(seqs(await reader.history.query({ limit: 10 })), [1])
    await accept({ flow: 'second', ready: true })
    assert.deepEqual(seqs(await reader.history.query({ flow: 'second', limit: 10 })), [2])
    assert.deepEqual(seqs(await reader.backlog.page('second', 0, 10)), [2])
    const refused = (error: unknown): boolean => isLinkspanError(error, 'JOURNAL_FAILED')
    const nothing = { accept: [], records: [], waits: [], settle: [], revive: [], state: [], cursors: [] }
    await assert.rejects(reader.commit({ id: 1, lowWater: 0, ...nothing }), refused)
    await assert.rejects(reader.history.prune(0, 0, 0, 10), refused)
    await reader.close()
    assert.deepEqual(await accept({}), [3])
  })

  declare('answers nothing after it was closed', async ({ journal, commit }) => {
    await journal.close()
    await journal.close()
    const closed = (error: unknown): boolean => isLinkspanError(error, 'JOURNAL_CLOSED')
    await assert.rejects(commit({}), closed)
    await assert.rejects(journal.messages.load([1]), closed)
    await assert.rejects(journal.backlog.page('orders', 0, 1), closed)
    await assert.rejects(journal.state.get('s', 'k'), closed)
    await assert.rejects(journal.cursors.get('c'), closed)
    await assert.rejects(journal.history.query({ limit: 1 }), closed)
    await assert.rejects(
      journal.history.verify(() => {}),
      closed,
    )
  })

  declare('copies itself under a new name, and over nothing', async ({ journal, accept }) => {
    await accept({}, {})
    const told: number[] = []
    await journal.history.backup('copy.db', (done) => told.push(done))
    assert.ok(told.length > 0)
    await assert.rejects(
      journal.history.backup('copy.db', () => {}),
      (error) => isLinkspanError(error, 'JOURNAL_FAILED'),
    )
  })
}
