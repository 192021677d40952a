import assert from 'node:assert/strict'
import { ENDINGS, type Ending } from '../../model/message.ts'
import { childId, rootId } from '../../model/message-id.ts'
import type { Owner } from './harness.ts'
import { bytes, childOf, type Declare, ending, newMessage, openOwner, range, seqs, wait } from './harness.ts'

/** What happened must be found, counted, forgotten in time and copied whole. */
export function testHistory(declare: Declare): void {
  declare('finds messages by flow, key, time and ending', async ({ journal, accept, commit }) => {
    const at = (acceptedAt: number, flow: string, key: string | null) => ({ acceptedAt, flow, key })
    await accept(at(10, 'a', 'x'), at(20, 'a', 'y'), at(30, 'b', 'x'), at(40, 'a', 'x'), at(50, 'a', null))
    await commit({
      settle: [ending(1), ending(2, { ending: 'dead' }), ending(3, { ending: 'parked' })],
      waits: [wait(4, { flow: 'a', key: 'x' })],
    })
    const find = async (query: object) => seqs(await journal.history.query({ limit: 10, ...query }))
    assert.deepEqual(await find({}), [5, 4, 3, 2, 1])
    assert.deepEqual(await find({ order: 'oldest' }), [1, 2, 3, 4, 5])
    assert.deepEqual(await find({ flow: 'a' }), [5, 4, 2, 1])
    assert.deepEqual(await find({ flow: 'nobody' }), [])
    assert.deepEqual(await find({ flow: 'a', key: 'x' }), [4, 1])
    assert.deepEqual(await find({ since: 20, until: 40 }), [3, 2])
    assert.deepEqual(await find({ endings: ['dead', 'parked'] }), [3, 2])
    assert.deepEqual(await find({ endings: ['dead', 'parked'], flow: 'a', order: 'oldest' }), [2])
    assert.deepEqual(await find({ endings: ['done', 'dead'] }), [2, 1])
    assert.deepEqual(await find({ endings: [] }), [])
    assert.deepEqual(await find({ live: true }), [5, 4])
    assert.deepEqual(await find({ live: true, order: 'oldest', limit: 1 }), [4])
  })

  declare('pages through the history from both ends', async ({ journal, commit }) => {
    await commit({ accept: range(1, 25).map(() => newMessage()) })
    for (const order of ['newest', 'oldest'] as const) {
      const found: number[] = []
      for (;;) {
        const beyond = found.at(-1)
        const page = await journal.history.query({
          limit: 10,
          order,
          ...(beyond === undefined ? {} : { beyond }),
        })
        if (page.length === 0) break
        found.push(...seqs(page))
      }
      assert.deepEqual(found, order === 'oldest' ? range(1, 25) : range(1, 25).reverse())
    }
  })

  declare('finds a needle far back', async ({ journal, commit }) => {
    await commit({ accept: [newMessage({ key: 'needle' })] })
    for (let i = 0; i < 3; i++) await commit({ accept: range(1, 1500).map(() => newMessage({ key: 'hay' })) })
    assert.deepEqual(seqs(await journal.history.query({ key: 'needle', limit: 5 })), [1])
    assert.equal((await journal.history.query({ key: 'hay', limit: 5000 })).length, 4500)
  })

  declare('finds messages by the fields they were given', async ({ journal, accept, commit }) => {
    await accept(
      { index: { pr: '7', repo: 'a' } },
      { index: { pr: '7', repo: 'b' } },
      { index: { pr: '8' } },
      { index: {} },
    )
    await commit({ accept: [newMessage({ flow: 'other', index: { pr: '7' } })] })
    const find = async (index: Record<string, string>, more = {}) =>
      seqs(await journal.history.query({ index, limit: 10, ...more }))
    assert.deepEqual(await find({ pr: '7' }), [5, 2, 1])
    assert.deepEqual(await find({ pr: '7' }, { flow: 'orders', order: 'oldest' }), [1, 2])
    assert.deepEqual(await find({ pr: '7', repo: 'b' }), [2])
    assert.deepEqual(await find({ pr: '9' }), [])
    assert.deepEqual(await find({ repo: '7' }), [])
  })

  declare('leaves children out unless asked', async ({ journal, accept }) => {
    const [root = 0] = await accept({ token: 'rootrootroot' })
    await accept(childOf({ seq: root, id: rootId(root, 'rootrootroot') }, 's', 0))
    assert.deepEqual(seqs(await journal.history.query({ limit: 10 })), [1])
    assert.deepEqual(seqs(await journal.history.query({ limit: 10, rootsOnly: false })), [2, 1])
  })

  declare('counts endings by flow, children apart', async ({ journal, accept, commit }) => {
    const places = await accept(...ENDINGS.map(() => ({ token: 'rootrootroot' })))
    const child = childOf({ seq: 1, id: rootId(1, 'rootrootroot') }, 's', 0)
    const [made = 0] = await accept(child)
    await commit({
      settle: [...places.map((seq, i) => ending(seq, { ending: ENDINGS[i] as Ending })), ending(made)],
    })
    const totals = await journal.history.totals()
    const lines = totals.map(({ flow, ending, child, count }) => `${flow} ${ending} ${child} ${count}`).sort()
    assert.deepEqual(lines, [...ENDINGS.map((word) => `orders ${word} false 1`), 'orders done true 1'].sort())
  })

  declare(
    'finds no damage where there is none, and says how far it is',
    async ({ journal, accept, commit }) => {
      await accept(
        ...range(1, 20).map((i) => ({
          ready: i > 10,
          index: { n: `${i}` },
          body: new Uint8Array(i * 20_000),
        })),
      )
      await commit({
        settle: range(1, 10).map((seq) => ending(seq, { frame: bytes('x') })),
        records: [{ seq: 11, n: 0, frame: bytes('y') }],
      })
      const told: [number, number][] = []
      assert.deepEqual(await journal.history.verify((done, total) => told.push([done, total])), [])
      assert.ok(told.length > 0 && told.at(-1)?.[0] === told.at(-1)?.[1], JSON.stringify(told.at(-1)))
      assert.ok(Object.keys(await journal.history.stats()).length > 0)
    },
  )
  testPruning(declare)
}

const bounds = { endedBefore: 3000, attentionBefore: 1000, now: 0 }

async function pruneAll(
  { journal }: Owner,
  { endedBefore, attentionBefore, now } = bounds,
  limit = 7,
): Promise<number> {
  for (let rounds = 1; rounds < 1000; rounds++) {
    const looked = await journal.history.prune(endedBefore, attentionBefore, now, limit)
    if (looked === 0) return rounds
  }
  throw new Error('Pruning does not come to an end.')
}

async function leftIn({ journal }: Owner): Promise<number[]> {
  return seqs(await journal.history.query({ limit: 1000, order: 'oldest', rootsOnly: false }))
}

/** A root with two children, the first of which has one of its own; and other roots between them and after. */
async function acceptFamily({ accept }: Owner): Promise<{
  readonly root: number
  readonly child: number
  readonly late: number
  readonly grandchild: number
  readonly other: readonly number[]
}> {
  const parentOf = (seq: number) => ({ seq, id: rootId(seq, 'rootrootroot') })
  const [before = 0, root = 0] = await accept({}, { token: 'rootrootroot' })
  const of = childOf(parentOf(root), 's', 0)
  const [child = 0, between = 0, late = 0] = await accept(of, {}, childOf(parentOf(root), 's', 1))
  const inner = childOf({ seq: child, id: childId(parentOf(root).id, 's', 0) }, 's/t', 0)
  const [grandchild = 0, after = 0] = await accept(inner, {})
  return { root, child, late, grandchild, other: [before, between, after] }
}

function testPruning(declare: Declare): void {
  declare('forgets what ended before a time, with all that belongs to it', async (owner) => {
    const { journal, commit, accept } = owner
    await accept(...range(1, 30).map((i) => ({ index: { n: `${i}` }, acceptedAt: 1000 + i })))
    const settle = range(1, 30).map((seq) =>
      ending(seq, { endedAt: seq <= 20 ? 2999 : 3000, frame: bytes('x') }),
    )
    await commit({ settle, lowWater: 31 })
    await pruneAll(owner)
    assert.deepEqual(await leftIn(owner), range(21, 30))
    assert.deepEqual(await journal.messages.load(range(1, 20)), [])
    assert.deepEqual(await journal.history.query({ index: { n: '3' }, limit: 5 }), [])
    assert.deepEqual(seqs(await journal.history.query({ index: { n: '23' }, limit: 5 })), [23])
    assert.deepEqual(
      (await journal.history.totals()).map(({ count }) => count),
      [10],
    )
    assert.deepEqual(await journal.history.verify(() => {}), [])
  })

  declare('keeps what waits for a person for its own time', async (owner) => {
    const words: readonly Ending[] = ['done', 'dead', 'inDoubt', 'parked', 'dropped', 'filtered']
    await owner.accept(...words.map(() => ({})))
    const settle = words.map((word, i) => ending(i + 1, { ending: word, endedAt: 2000 }))
    await owner.commit({ settle, lowWater: 7 })
    await pruneAll(owner)
    assert.deepEqual(await leftIn(owner), [2, 3, 4])
    await pruneAll(owner, { ...bounds, attentionBefore: 2001 })
    assert.deepEqual(await leftIn(owner), [])
  })

  declare('keeps what has not ended, and parents of such', async (owner) => {
    const { accept, commit } = owner
    const [root = 0] = await accept({ token: 'rootrootroot' })
    const [child = 0] = await accept(childOf({ seq: root, id: rootId(root, 'rootrootroot') }, 's', 0))
    const [waiting = 0] = await accept({ ready: true })
    await commit({ settle: [ending(root)], waits: [wait(child, { parent: root })], lowWater: 4 })
    await pruneAll(owner)
    assert.deepEqual(await leftIn(owner), [root, child, waiting])
    await commit({ settle: [ending(child), ending(waiting)], lowWater: 4 })
    await pruneAll(owner)
    assert.deepEqual(await leftIn(owner), [])
    assert.deepEqual(await accept({}), [4], 'places are never given again')
  })

  declare(
    'keeps children of any depth until their parent goes, which needs them to run on',
    async (owner) => {
      const { journal, commit } = owner
      const { root, child, late, grandchild, other } = await acceptFamily(owner)
      const ended = [child, grandchild, ...other]
      await commit({
        settle: ended.map((seq) => ending(seq)),
        waits: [
          wait(root, { reason: 'children' }),
          wait(late, { parent: root, reason: 'delay', wakeAt: 9000 }),
        ],
        lowWater: 100,
      })
      for (const limit of [1, 2, 100]) {
        await pruneAll(owner, bounds, limit)
        assert.deepEqual(await leftIn(owner), [root, child, late, grandchild], `${limit} at a time`)
      }
      assert.deepEqual(seqs(await journal.messages.children(root, 's', 0, 10)), [child, late])
      await commit({ settle: [ending(root), ending(late)] })
      await pruneAll(owner, bounds, 100)
      assert.deepEqual(await leftIn(owner), [])
      assert.deepEqual(await journal.history.verify(() => {}), [])
    },
  )

  declare('keeps the children of what waits for a person, who may send it again', async (owner) => {
    const { root, child, late, grandchild, other } = await acceptFamily(owner)
    const settle = [child, late, grandchild, ...other].map((seq) => ending(seq))
    await owner.commit({ settle: [...settle, ending(root, { ending: 'dead' })], lowWater: 100 })
    for (const limit of [1, 2, 100]) {
      await pruneAll(owner, bounds, limit)
      assert.deepEqual(await leftIn(owner), [root, child, late, grandchild], `${limit} at a time`)
    }
    await pruneAll(owner, { ...bounds, attentionBefore: 2001 }, 1)
    assert.deepEqual(await leftIn(owner), [])
  })

  declare('does not look at all that is kept in each round', async (owner) => {
    const [root = 0] = await owner.accept({ token: 'rootrootroot' })
    const parent = { seq: root, id: rootId(root, 'rootrootroot') }
    const children = await owner.accept(...range(1, 60).map((i) => childOf(parent, 's', i)))
    await owner.commit({ settle: children.map((seq) => ending(seq)), waits: [wait(root)], lowWater: 100 })
    // A retention of 8000: it may be exceeded by 1000.
    const at = (now: number) => ({ endedBefore: now - 8000, attentionBefore: now - 8000, now })
    assert.ok((await pruneAll(owner, at(11_000))) > 8)
    const rounds = [await pruneAll(owner, at(11_060)), await pruneAll(owner, at(11_900))]
    assert.ok(Math.max(...rounds) <= 3, `${rounds.join(' and ')} calls for 60 messages, 7 at a time`)
    assert.deepEqual(await leftIn(owner), [root, ...children])
    await owner.commit({ settle: [ending(root, { endedAt: 12_000 })] })
    assert.ok((await pruneAll(owner, at(12_100))) > 8, 'all is looked at again after a while')
    await pruneAll(owner, at(22_000))
    assert.deepEqual(await leftIn(owner), [])
  })

  declare('forgets nothing at or above the low water', async (owner) => {
    await owner.accept({}, {}, {})
    await owner.commit({ settle: range(1, 3).map((seq) => ending(seq)), lowWater: 3 })
    await pruneAll(owner)
    assert.deepEqual(await leftIn(owner), [3])
  })

  declare('keeps the highest low water it was given', async (owner, rig) => {
    await owner.accept({}, {}, {})
    await owner.commit({ settle: [ending(1), ending(2)], lowWater: 3 })
    await pruneAll(owner)
    await owner.commit({ lowWater: 0 })
    await rig.crash()
    const again = await openOwner(rig)
    assert.deepEqual(seqs(await again.journal.backlog.unsettled(0, 10)), [3])
  })

  declare('walks past what it keeps, and comes round', async (owner) => {
    await owner.accept(...range(1, 40).map(() => ({})))
    const settle = range(1, 40).map((seq) => ending(seq, { ending: seq % 2 ? 'dead' : 'done' }))
    await owner.commit({ settle, lowWater: 41 })
    const rounds = await pruneAll(owner, bounds, 5)
    assert.ok(rounds <= 12, `${rounds} calls for 40 messages, 5 at a time`)
    assert.deepEqual(
      await leftIn(owner),
      range(1, 40).filter((seq) => seq % 2),
    )
    await pruneAll(owner, { ...bounds, attentionBefore: 9000 }, 5)
    assert.deepEqual(await leftIn(owner), [])
  })

  declare('forgets state and dedupe keys past their time', async (owner) => {
    const { journal, commit } = owner
    const cell = (key: string, until: number | null) => ({ scope: 's', key, value: bytes(key), until })
    const far = Number.MAX_SAFE_INTEGER
    await commit({
      accept: [newMessage({ dedupe: { scope: 's', key: 'k', until: 5000 } })],
      state: [cell('a', 5000), cell('b', far), cell('c', null)],
    })
    await pruneAll(owner, { ...bounds, now: 5000 })
    assert.deepEqual(
      (await journal.state.list('s', '', 10)).map(({ key }) => key),
      ['b', 'c'],
    )
    const early = newMessage({ dedupe: { scope: 's', key: 'k', until: 9000 }, acceptedAt: 4000 })
    assert.equal((await commit({ accept: [early] })).accepted[0]?.duplicateOf, null)
  })
}
