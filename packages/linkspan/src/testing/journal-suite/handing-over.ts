import assert from 'node:assert/strict'
import { rootId } from '../../model/message-id.ts'
import { beats, type DeclareShared, type Engine, engine, engines, home, the } from './engines.ts'
import { childOf, ending, newMessage, range, seqs, wait } from './harness.ts'

/** Messages that one engine accepts for another, and the order of those with one key. */
export function testHandingOver(declare: DeclareShared): void {
  declare('gives places in the order of commits, whoever commits, without gaps', async (rig) => {
    const [one, two] = await engines(rig, 2)
    for (let round = 0; round < 5; round += 1) {
      assert.deepEqual(await one.accept({ partition: home(one) }), [round * 3 + 1])
      const others = await two.accept({ partition: home(two) }, { partition: home(two), ready: true })
      assert.deepEqual(others, [round * 3 + 2, round * 3 + 3])
    }
    const found: number[] = []
    for (let round = 0; round < 5; round += 1)
      found.push(...(await Promise.all([one, two].map((of) => of.accept({ partition: home(of) })))).flat())
    const inOrder = found.sort((a, b) => a - b)
    assert.deepEqual(inOrder, range(16, 25))
  })

  declare('tells the owner what others accept for it, and nobody else', async (rig) => {
    const [one, two, three] = await engines(rig, 3)
    const partition = home(two)
    const handOver = { partition, key: 'k', ready: true, handOver: true }
    await one.accept(handOver, { ...handOver, flow: 'invoices' }, handOver, {
      partition: home(one),
      ready: true,
    })
    await rig.until(() => two.handed.size === 2)
    assert.deepEqual([...two.handed].sort(), [
      ['invoices', 2],
      ['orders', 3],
    ])
    assert.deepEqual(seqs(await two.journal.backlog.page('orders', 0, 10)), [1, 3])
    assert.deepEqual(seqs(await one.journal.backlog.page('orders', 0, 10)), [4])
    assert.equal(the(await three.journal.messages.load([2])).partition, partition)
    await beats(rig, [one, three])
    assert.deepEqual([one.handed.size, three.handed.size], [0, 0])
    await one.accept(handOver)
    await rig.until(() => two.handed.get('orders') === 5)
  })

  declare('leaves to the next owner what is handed over while nobody owns its partition', async (rig) => {
    const one = await engine(rig)
    const partition = home(one)
    await one.giveBack([partition])
    await one.accept({ partition, ready: true, handOver: true })
    const two = await engine(rig)
    await rig.until(() => two.ownership.owned.has(partition))
    assert.deepEqual(seqs(await two.journal.backlog.page('orders', 0, 10)), [1])
  })

  declare(
    'tells an engine also what it hands over to itself, taking the partition for another’s',
    async (rig) => {
      const one = await engine(rig)
      await one.accept({ partition: home(one), ready: true, handOver: true })
      await rig.until(() => one.handed.get('orders') === 1)
    },
  )

  declare('puts a message with a key behind what was handed over and is not taken on', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const partition = home(two)
    await one.accept({ partition, key: 'k', ready: true, handOver: true })
    const late = (parts: object) => newMessage({ partition, key: 'k', handedUpTo: 0, ...parts })
    const { accepted } = await two.commit({
      accept: [
        late({}),
        late({ key: 'other' }),
        late({ key: null }),
        late({ flow: 'invoices' }),
        late({ handedUpTo: 1 }),
        late({ ready: true }),
      ],
    })
    assert.deepEqual(
      accepted.map(({ behind = false }) => behind),
      [true, true, false, false, false, false],
    )
    assert.deepEqual(seqs(await two.journal.backlog.page('orders', 0, 10)), [1, 2, 3, 7])
    const [first, ...others] = await two.journal.messages.load([2, 4, 5, 6])
    assert.deepEqual(first?.wait, wait(2, { key: 'k' }))
    assert.deepEqual(
      others.map((found) => found.wait),
      [null, null, null],
    )
  })

  declare('puts a message behind what the same commit hands over', async (rig) => {
    const one = await engine(rig)
    const partition = home(one)
    const { accepted } = await one.commit({
      accept: [
        newMessage({ partition, key: 'k', ready: true, handOver: true }),
        newMessage({ partition, key: 'k' }),
      ],
    })
    assert.deepEqual(
      accepted.map(({ behind = false }) => behind),
      [false, true],
    )
  })

  declare('never puts children behind', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const partition = home(two)
    const [root = 0] = await two.accept({ partition, key: 'k', token: 'rootrootroot' })
    await one.accept({ partition, key: 'k', ready: true, handOver: true })
    const child = childOf({ seq: root, id: rootId(root, 'rootrootroot') }, 'split', 0, {
      partition,
      key: 'k',
    })
    const { accepted } = await two.commit({ accept: [newMessage(child)] })
    assert.deepEqual(accepted, [{ seq: 3, duplicateOf: null }])
    assert.equal(the(await two.journal.messages.load([3])).wait, null)
  })

  declare('puts nothing behind what a message repeats that was handed over before', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const dedupe = { scope: 's', key: 'k', until: 5000 }
    const handOver = { partition: home(two), key: 'k', ready: true, handOver: true, dedupe }
    await one.accept(handOver)
    const again = await one.commit({ accept: [newMessage({ ...handOver, flow: 'invoices' })] })
    const duplicateOf = { seq: 1, id: rootId(1, newMessage().token) }
    assert.deepEqual(again.accepted, [{ seq: 1, duplicateOf }])
    const own = newMessage({ partition: home(two), key: 'k', handedUpTo: 1, dedupe })
    assert.deepEqual((await two.commit({ accept: [own] })).accepted, [{ seq: 1, duplicateOf }])
    await rig.until(() => two.handed.has('orders'))
    assert.deepEqual([...two.handed], [['orders', 1]])
  })

  declare('answers a repeated batch as before, whatever others have done meanwhile', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const partition = home(two)
    await one.accept({ partition, key: 'k', ready: true, handOver: true })
    const state = { scope: 's', key: 'k', value: new Uint8Array([1]), until: null }
    await one.commit({ state: [state] })
    const first = await two.commit({
      accept: [newMessage({ partition, key: 'k' })],
      state: [{ ...state, basedOn: { value: null, at: 0, frame: null } }],
    })
    assert.deepEqual(first, { accepted: [{ seq: 2, duplicateOf: null, behind: true }], stale: [0] })
    await one.commit({ accept: [newMessage({ partition: home(one) })], state: [{ ...state, value: null }] })
    assert.deepEqual(await two.journal.commit(two.lastBatch), first)
    assert.deepEqual(seqs(await two.journal.history.query({ limit: 10 })), [3, 2, 1])
    assert.equal(await two.journal.state.get('s', 'k'), null)
  })

  declare('answers of the backlog what lies in owned partitions, and counts all', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const [mine, other] = [home(one), home(two)]
    await one.accept({ partition: mine, key: 'k', token: 'rootrootroot' })
    const parent = { seq: 1, id: rootId(1, 'rootrootroot') }
    await one.accept(
      { partition: mine, key: 'k', ready: true },
      { partition: other, key: 'k', ready: true, handOver: true },
      childOf(parent, 'split', 0, { partition: mine, ready: true }),
    )
    await two.accept({ partition: other, key: 'k' }, { partition: other, key: 'k' })
    const due = { key: 'k', reason: 'retry', hold: true } as const
    await two.commit({ waits: [wait(5, { ...due, wakeAt: 50 })], settle: [ending(6)] })
    await one.commit({ waits: [wait(1, { ...due, wakeAt: 70 })] })
    const read = async ({ journal: { backlog } }: Engine) => [
      seqs(await backlog.page('orders', 0, 10)),
      seqs(await backlog.pageOfKey('orders', 'k', 0, 99, 10)),
      seqs(await backlog.pageOfHolders('orders', 0, 10)),
      seqs(await backlog.pageOfParent(1, 0, 10)),
      seqs(await backlog.due('orders', 99, 10)),
      await backlog.nextDue('orders'),
      seqs(await backlog.held(null, 10)),
      (await backlog.count()).reduce((sum, { count }) => sum + count, 0),
    ]
    assert.deepEqual(await read(one), [[1, 2], [1, 2], [1], [4], [1], 70, [1, 5], 5])
    assert.deepEqual(await read(two), [[3, 5], [3, 5], [5], [4], [5], 50, [1, 5], 5])
    assert.deepEqual(await one.journal.backlog.unsettled(0, 10), [])
    assert.deepEqual(seqs(await two.journal.messages.load([1, 2, 3, 4, 5, 6])), [1, 2, 3, 4, 5, 6])
  })
}
