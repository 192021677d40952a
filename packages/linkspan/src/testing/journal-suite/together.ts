import assert from 'node:assert/strict'
import { rootId } from '../../model/message-id.ts'
import { beats, type DeclareShared, type Engine, engine, engines, home } from './engines.ts'
import { bytes, ending, newMessage, range, seqs, text, wait } from './harness.ts'

/** What engines on one journal have in common: state, cursors, dedupe keys, and the history. */
export function testTogether(declare: DeclareShared): void {
  declare('shows each engine what the others have written', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const dedupe = { scope: 's', key: 'd', until: 5000 }
    await one.commit({
      accept: [newMessage({ partition: home(one), dedupe })],
      state: [{ scope: 's', key: 'k', value: bytes('v'), until: null }],
      cursors: [{ name: 'c', value: '9' }],
    })
    assert.equal(text(await two.journal.state.get('s', 'k')), 'v')
    assert.equal(await two.journal.cursors.get('c'), '9')
    await two.commit({
      cursors: [
        { name: 'c', value: null },
        { name: 'd', value: '1' },
        { name: 'never', value: null },
      ],
    })
    assert.equal(await one.journal.cursors.get('c'), null)
    assert.equal(await one.journal.cursors.get('d'), '1')
    const { accepted } = await two.commit({ accept: [newMessage({ partition: home(two), dedupe })] })
    assert.deepEqual(accepted, [{ seq: 1, duplicateOf: { seq: 1, id: rootId(1, newMessage().token) } }])
    assert.deepEqual(seqs(await two.journal.history.query({ limit: 10 })), [1])
  })
  testStale(declare)
  testForgetting(declare)
}

function testStale(declare: DeclareShared): void {
  const cell = (value: string | null, until: number | null = null) => ({
    scope: 's',
    key: 'k',
    value: value === null ? null : bytes(value),
    until,
  })
  const basedOn = (value: string | null, at = 0) => ({
    basedOn: { value: value === null ? null : bytes(value), at, frame: null },
  })
  const stale = async (of: Engine, ...state: object[]) =>
    (await of.commit({ state: state as never })).stale ?? []

  declare('writes a change of state only on what it was made from', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const present = async () => text(await two.journal.state.get('s', 'k'))
    assert.deepEqual(await stale(one, { ...cell('1'), ...basedOn(null) }), [])
    assert.deepEqual(await stale(two, { ...cell('2'), ...basedOn(null) }), [0])
    assert.equal(await present(), '1')
    const other = { ...cell('x'), key: 'other', ...basedOn(null) }
    assert.deepEqual(await stale(two, other, { ...cell('2'), ...basedOn('wrong') }, cell('y')), [1])
    assert.equal(text(await one.journal.state.get('s', 'other')), 'x')
    assert.equal(await present(), 'y')
    assert.deepEqual(await stale(two, { ...cell('3'), ...basedOn('y') }), [])
    assert.deepEqual(await stale(one, { ...cell(null), ...basedOn('y') }), [0])
    assert.equal(await present(), '3')
    assert.deepEqual(await stale(one, { ...cell(null), ...basedOn('3') }), [])
    assert.equal(await present(), null)
    assert.deepEqual(await stale(two, { ...cell(''), ...basedOn('3') }), [0])
    assert.deepEqual(await stale(two, { ...cell(''), ...basedOn(null) }), [])
    assert.deepEqual(await stale(two, { ...cell('4'), ...basedOn(null) }), [0], 'empty is not none')
    assert.deepEqual(await stale(two, { ...cell('4'), ...basedOn('') }), [])
  })

  declare('takes a value past its time for none, by the time that the change says', async (rig) => {
    const one = await engine(rig)
    const far = 10 ** 13
    await one.commit({ state: [cell('old', far)] })
    const tryAt = async (at: number, value: string | null) =>
      (await one.commit({ state: [{ ...cell('new', far), ...basedOn(value, at) }] })).stale ?? []
    assert.deepEqual(await tryAt(far - 1, null), [0])
    assert.deepEqual(await tryAt(far, 'old'), [0])
    assert.deepEqual(await tryAt(far, null), [])
    assert.deepEqual(await tryAt(far - 1, 'new'), [])
  })

  declare('writes the frame of a change with it or not at all', async (rig) => {
    const [one, two] = await engines(rig, 2)
    await two.accept({ partition: home(two) })
    const change = (value: string, from: string | null, frame: string) => ({
      ...cell(value),
      basedOn: { ...basedOn(from).basedOn, frame: { seq: 1, n: 1, frame: bytes(frame) } },
    })
    await one.commit({ state: [cell('theirs')] })
    const records = [{ seq: 1, n: 0, frame: bytes('zero') }]
    assert.deepEqual((await two.commit({ records, state: [change('mine', null, 'lost')] })).stale, [0])
    const frames = async () =>
      (await one.journal.messages.load([1])).flatMap((found) => found.frames.map(text))
    assert.deepEqual(await frames(), ['zero'])
    const again = await two.commit({ state: [change('mine', 'theirs', 'one')] })
    assert.deepEqual(again.stale ?? [], [])
    assert.deepEqual(await frames(), ['zero', 'one'])
    assert.equal((await one.journal.messages.load([1]))[0]?.nextFrame, 2)
  })

  declare('writes the cells that go along with a change with it or not at all', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const change = (value: string | null, from: string | null, ...keys: string[]) => ({
      ...cell(value),
      basedOn: {
        ...basedOn(from).basedOn,
        along: keys.map((key) => ({ scope: 'along', key, value: bytes(`${value} ${key}`), until: 10 ** 13 })),
      },
    })
    const along = async () =>
      (await two.journal.state.list('along', '', 10)).map(({ key, value, until }) => [
        key,
        text(value),
        until,
      ])
    const far = 10 ** 13
    assert.deepEqual(await stale(one, change('1', null, 'a', 'b')), [])
    assert.deepEqual(await stale(two, change('2', null, 'a', 'c')), [0])
    assert.deepEqual(await along(), [
      ['a', '1 a', far],
      ['b', '1 b', far],
    ])
    const other = { ...change('o', null, 'd'), key: 'other' }
    assert.deepEqual(await stale(two, change('3', 'wrong', 'e'), other), [0])
    assert.deepEqual(await stale(two, change(null, '1', 'a')), [])
    assert.deepEqual(await along(), [
      ['a', 'null a', far],
      ['b', '1 b', far],
      ['d', 'o d', far],
    ])
  })
}

function testForgetting(declare: DeclareShared): void {
  const settled = (first: number, last: number) => range(first, last).map((seq) => ending(seq))

  declare('forgets nothing above what another engine runs', async (rig) => {
    const [one, two] = await engines(rig, 2)
    await one.accept(
      ...range(1, 6).map((n) => ({ partition: n === 3 ? home(one) : home(two), ready: n !== 3 })),
    )
    await two.commit({ settle: [...settled(1, 2), ...settled(4, 6)], lowWater: 7 })
    await one.commit({ lowWater: 3 })
    await beats(rig, [one, two])
    await forgetAll(two)
    assert.deepEqual(await left(two), [3, 4, 5, 6])
    await one.commit({ settle: [ending(3)], lowWater: 7 })
    await forgetAll(two)
    assert.deepEqual(await left(two), [])
  })

  declare('is not held back by an engine that has nothing to do', async (rig) => {
    const [one, two] = await engines(rig, 2)
    await one.accept({ partition: home(one) })
    await one.commit({ settle: [ending(1)], lowWater: 2 })
    await two.accept(...range(2, 9).map(() => ({ partition: home(two) })))
    await two.commit({ settle: settled(2, 9), lowWater: 10 })
    await beats(rig, [one, two])
    await forgetAll(two)
    assert.deepEqual(await left(two), [])
  })

  declare('forgets nothing above what is to be recovered', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const partition = home(one)
    await one.accept({ partition })
    await two.accept({ partition: home(two) })
    await two.commit({ settle: [ending(2)], lowWater: 3 })
    await one.crash()
    await rig.until(() => two.ownership.owned.has(partition))
    await two.commit({ lowWater: 3 })
    await beats(rig, [two])
    await forgetAll(two)
    assert.deepEqual(await left(two), [1, 2])
    await two.commit({ waits: [wait(1)] })
    await two.ownership.recovered(two.owned)
    await beats(rig, [two])
    await forgetAll(two)
    assert.deepEqual(await left(two), [1])
  })
}

async function forgetAll({ journal }: Engine): Promise<void> {
  for (let round = 0; round < 1000; round += 1)
    if ((await journal.history.prune(3000, 3000, 0, 7)) === 0) return
  throw new Error('Pruning does not come to an end.')
}

async function left({ journal }: Engine): Promise<number[]> {
  return seqs(await journal.history.query({ limit: 1000, order: 'oldest' }))
}
