import assert from 'node:assert/strict'
import type { WaitReason } from '../../model/message.ts'
import { rootId } from '../../model/message-id.ts'
import { bytes, childOf, type Declare, ending, newMessage, range, seqs, wait } from './harness.ts'

/** What waits must be found in the right order, and counted. */
export function testBacklog(declare: Declare): void {
  declare(
    'pages through what is ready or holds its key, in the order of acceptance',
    async ({ journal, accept, commit }) => {
      await accept(...range(1, 6).map(() => ({ key: 'k', ready: true })))
      await accept({ flow: 'other', ready: true })
      const hold = { key: 'k', wakeAt: 5000, hold: true } as const
      await commit({
        waits: [
          wait(2, { ...hold, reason: 'retry' }),
          wait(3, { key: 'k', reason: 'delay', wakeAt: 5000 }),
          wait(4, { key: 'k', reason: 'children' }),
          wait(5, { ...hold, reason: 'verify' }),
        ],
      })
      assert.deepEqual(seqs(await journal.backlog.page('orders', 0, 10)), [1, 2, 5, 6])
      assert.deepEqual(seqs(await journal.backlog.page('orders', 0, 2)), [1, 2])
      assert.deepEqual(seqs(await journal.backlog.page('orders', 2, 10)), [5, 6])
      assert.deepEqual(seqs(await journal.backlog.page('nobody', 0, 10)), [])
    },
  )

  declare('says of each entry what it waits for and how big it is', async ({ journal, accept, commit }) => {
    const [seq = 0] = await accept({ key: 'k', ready: true, body: bytes('12345') })
    const put = wait(seq, { key: 'k', reason: 'retry', wakeAt: 9000, hold: true, attempt: 3 })
    await commit({ waits: [put] })
    assert.deepEqual(await journal.backlog.page('orders', 0, 10), [{ partition: 0, ...put, bytes: 5 }])
  })

  declare(
    'keeps a wait under its own flow, also where the message came under another: flows are renamed',
    async ({ journal, accept, commit }) => {
      await accept(...range(1, 3).map(() => ({ key: 'k', ready: true })))
      await commit({
        waits: [wait(1, { flow: 'new', key: 'k' }), wait(2, { flow: 'new', reason: 'delay', wakeAt: 7 })],
      })
      assert.deepEqual(seqs(await journal.backlog.page('orders', 0, 10)), [3])
      assert.deepEqual(seqs(await journal.backlog.page('new', 0, 10)), [1])
      assert.deepEqual(seqs(await journal.backlog.due('new', 7, 10)), [2])
      const counts = async () =>
        (await journal.backlog.count()).map(({ flow, reason, count }) => `${flow} ${reason} ${count}`).sort()
      assert.deepEqual(await counts(), ['new delay 1', 'new ready 1', 'orders ready 1'])
      await commit({ settle: [ending(1), ending(2), ending(3)] })
      assert.deepEqual(await counts(), [])
      assert.deepEqual(
        (await journal.history.totals()).map(({ flow, count }) => [flow, count]),
        [['orders', 3]],
      )
      assert.deepEqual(await journal.history.verify(() => undefined), [])
    },
  )

  declare('pages through one key, up to and including a place', async ({ journal, accept, commit }) => {
    await accept(...['a', 'b', 'a', null, 'a', ''].map((key) => ({ key, ready: true })))
    await commit({ waits: [wait(3, { key: 'a', reason: 'delay', wakeAt: 1 })] })
    assert.deepEqual(seqs(await journal.backlog.pageOfKey('orders', 'a', 0, 99, 10)), [1, 5])
    assert.deepEqual(seqs(await journal.backlog.pageOfKey('orders', 'a', 1, 5, 10)), [5])
    assert.deepEqual(seqs(await journal.backlog.pageOfKey('orders', 'a', 0, 4, 10)), [1])
    assert.deepEqual(seqs(await journal.backlog.pageOfKey('orders', 'a', 0, 99, 1)), [1])
    assert.deepEqual(seqs(await journal.backlog.pageOfKey('orders', '', 0, 99, 10)), [6])
  })

  declare(
    'pages through those that hold their key, whatever they wait for',
    async ({ journal, accept, commit }) => {
      await accept(...range(1, 5).map(() => ({ key: 'k', ready: true })), { flow: 'other', key: 'k' })
      await commit({
        waits: [
          wait(2, { key: 'k', hold: true }),
          wait(4, { key: 'k', hold: true, reason: 'retry', wakeAt: 5000, attempt: 2 }),
          wait(5, { key: 'k', hold: true, reason: 'delay', wakeAt: 1 }),
          wait(6, { flow: 'other', key: 'k', hold: true }),
        ],
      })
      const page = async (after: number, limit: number) =>
        seqs(await journal.backlog.pageOfHolders('orders', after, limit))
      assert.deepEqual(await page(0, 10), [2, 4, 5])
      assert.deepEqual(await page(0, 2), [2, 4])
      assert.deepEqual(await page(4, 10), [5])
      assert.deepEqual(await journal.backlog.pageOfHolders('nobody', 0, 10), [])
      const put = wait(4, { key: 'k', hold: true, reason: 'retry', wakeAt: 5000, attempt: 2 })
      const [found] = await journal.backlog.pageOfHolders('orders', 3, 1)
      assert.deepEqual({ ...found, bytes: 0 }, { partition: 0, ...put, bytes: 0 })
      await commit({ waits: [wait(2, { key: 'k' }), wait(3, { key: 'k', hold: true })], settle: [ending(5)] })
      assert.deepEqual(await page(0, 10), [3, 4])
    },
  )

  declare(
    'keeps children that a parent waits for on a page of their own',
    async ({ journal, accept, commit }) => {
      const [root = 0] = await accept({ token: 'rootrootroot' })
      const parent = { seq: root, id: rootId(root, 'rootrootroot') }
      const awaited = await accept(...range(0, 3).map((i) => childOf(parent, 'split', i, { ready: true })))
      const free = { seq: root, id: parent.id, path: 'tap', index: 0, awaited: false }
      const [tapped = 0] = await accept({ token: '', parent: free, ready: true })
      await commit({ waits: [wait(awaited[1] as number, { reason: 'delay', wakeAt: 1, parent: root })] })
      assert.deepEqual(seqs(await journal.backlog.page('orders', 0, 10)), [tapped])
      assert.deepEqual(seqs(await journal.backlog.pageOfParent(root, 0, 10)), awaited)
      assert.deepEqual(
        seqs(await journal.backlog.pageOfParent(root, awaited[0] as number, 2)),
        awaited.slice(1, 3),
      )
      assert.deepEqual(await journal.backlog.pageOfParent(99, 0, 10), [])
      assert.equal((await journal.messages.load([awaited[0] as number]))[0]?.wait?.parent, root)
      assert.equal((await journal.messages.load([tapped]))[0]?.wait?.parent, null)
    },
  )

  declare('finds what is due, the earliest first', async ({ journal, accept, commit }) => {
    await accept(...range(1, 5).map(() => ({ ready: true })))
    const at = (seq: number, wakeAt: number, flow = 'orders') => wait(seq, { reason: 'delay', wakeAt, flow })
    await commit({ waits: [at(1, 300), at(2, 100), at(3, 200), at(4, 100), at(5, 50, 'other')] })
    assert.deepEqual(seqs(await journal.backlog.due('orders', 200, 10)), [2, 4, 3])
    assert.deepEqual(seqs(await journal.backlog.due('orders', 200, 1)), [2])
    assert.deepEqual(seqs(await journal.backlog.due('orders', 99, 10)), [])
    assert.equal(await journal.backlog.nextDue('orders'), 100)
    assert.equal(await journal.backlog.nextDue('nobody'), null)
    await commit({ waits: [wait(2)], settle: [ending(4)] })
    assert.equal(await journal.backlog.nextDue('orders'), 200)
    assert.deepEqual(seqs(await journal.backlog.due('orders', 999, 10)), [3, 1])
  })

  declare('names the keys that are held', async ({ journal, accept, commit }) => {
    await accept({ key: 'a' }, { key: 'b' }, { key: 'c' }, { key: 'd', flow: 'other' })
    const hold = (seq: number, key: string, flow = 'orders') =>
      wait(seq, { key, flow, reason: 'retry', wakeAt: 1, hold: true })
    await commit({ waits: [hold(1, 'a'), hold(3, 'c'), hold(4, 'd', 'other'), wait(2, { key: 'b' })] })
    assert.deepEqual(
      (await journal.backlog.held(null, 10)).map(({ key }) => key),
      ['a', 'c', 'd'],
    )
    assert.deepEqual(
      (await journal.backlog.held('orders', 10)).map(({ key }) => key),
      ['a', 'c'],
    )
    assert.deepEqual(seqs(await journal.backlog.held(null, 1)), [1])
  })

  declare('counts what waits by flow and reason, children apart', async ({ journal, accept, commit }) => {
    const [root = 0] = await accept({ token: 'rootrootroot', acceptedAt: 10 })
    const parent = { seq: root, id: rootId(root, 'rootrootroot') }
    await accept(
      { ready: true, acceptedAt: 20 },
      { ready: true, acceptedAt: 30 },
      { ready: true, flow: 'other', acceptedAt: 40 },
    )
    await accept(
      childOf(parent, 's', 0, { ready: true, acceptedAt: 50 }),
      childOf(parent, 's', 1, { ready: true, acceptedAt: 60 }),
    )
    await commit({ waits: [wait(root, { reason: 'children' })] })
    const counted = async () =>
      (await journal.backlog.count())
        .map(({ flow, reason, child, count, oldest }) => `${flow} ${reason} ${child} ${count} ${oldest}`)
        .sort()
    assert.deepEqual(await counted(), [
      'orders children false 1 10',
      'orders ready false 2 20',
      'orders ready true 2 50',
      'other ready false 1 40',
    ])
    await commit({ waits: [wait(2, { reason: 'retry', wakeAt: 1 })], settle: [ending(4), ending(5)] })
    assert.deepEqual(await counted(), [
      'orders children false 1 10',
      'orders ready false 1 30',
      'orders ready true 1 60',
      'orders retry false 1 20',
    ])
  })

  declare('knows every reason to wait', async ({ journal, accept, commit }) => {
    const reasons: readonly WaitReason[] = [
      'ready',
      'retry',
      'delay',
      'children',
      'verify',
      'event',
      'budget',
    ]
    const places = await accept(...reasons.map(() => ({})))
    await commit({ waits: places.map((seq, i) => wait(seq, { reason: reasons[i] as WaitReason })) })
    assert.deepEqual(
      (await journal.messages.load(places)).map((found) => found.wait?.reason),
      reasons,
    )
  })

  declare(
    'pages through 100,000 waiting messages, the last page as fast as the first',
    async ({ journal, commit }) => {
      const total = 100_000
      const accept = range(1, 5000).map((i) => newMessage({ ready: true, key: `k${i % 100}` }))
      for (let done = 0; done < total; done += accept.length) await commit({ accept })
      let after = 0
      let found = 0
      for (;;) {
        const page = await journal.backlog.page('orders', after, 1000)
        if (page.length === 0) break
        assert.deepEqual([page[0]?.seq, page.at(-1)?.seq], [found + 1, found + page.length])
        found += page.length
        after = page.at(-1)?.seq as number
      }
      assert.equal(found, total)
      const ofKey = await journal.backlog.pageOfKey('orders', 'k7', 99_000, 99_500, 1000)
      assert.equal(ofKey.length, 5)
    },
  )
}
