import { type Admin, flow, inbox } from 'linkspan'
import { type FakeOperation, fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { cluster, type Node } from './cluster-rig.ts'
import { rig } from './rig.ts'

type Act = (admin: Admin, id: string) => Promise<unknown>

const note = { note: 'by hand' }

/** What refuses a message of a selection as it refuses a single one. */
const ofSelection =
  (act: (admin: Admin, ids: readonly string[]) => ReturnType<Admin['drop']>): Act =>
  async (admin, id) => {
    const { refused } = await act(admin, [id])
    for (const { error } of refused) throw error
  }

const acts = {
  redeliver: ofSelection((admin, ids) => admin.redeliver({ ids }, { ...note, fresh: true })),
  drop: ofSelection((admin, ids) => admin.drop({ ids }, 'by hand')),
  resolve: (admin, id) => admin.resolve(id, false, note),
  cancel: (admin, id) => admin.cancel(id, 'by hand'),
  skipKey: (admin) => admin.skipKey('pay', 'a', 'by hand'),
} satisfies Record<string, Act>

type ActName = keyof typeof acts

const onEnded: readonly (readonly [ActName, ActName])[] = [
  ['redeliver', 'redeliver'],
  ['redeliver', 'drop'],
  ['drop', 'redeliver'],
  ['drop', 'drop'],
  ['resolve', 'resolve'],
  ['resolve', 'drop'],
  ['drop', 'resolve'],
  ['redeliver', 'resolve'],
]
const onLive: readonly (readonly [ActName, ActName])[] = [
  ['cancel', 'cancel'],
  ['cancel', 'skipKey'],
  ['skipKey', 'cancel'],
  ['skipKey', 'skipKey'],
]

function paying() {
  const bank = fakeOperation<string>('bank.pay', { kind: 'none' })
  const pay = flow('pay')
    .from(inbox<string>(), { key: (key) => key })
    .to('pay', bank, { onUnknown: 'inDoubt' })
  return { bank, pay }
}

/** One call after a doubt, if the message was sent again; none if it was dropped. */
const callsAfter = (winner: ActName): number => (winner === 'drop' ? 1 : 2)

/** Does both at once; answers which one was done, after checking that the other one was refused. */
async function oneOf(
  [first, second]: readonly [ActName, ActName],
  [one, other]: readonly [Admin, Admin],
  id: string,
  during: <T>(promise: Promise<T>) => Promise<T>,
): Promise<ActName> {
  const outcomes = await during(Promise.allSettled([acts[first](one, id), acts[second](other, id)]))
  const won = outcomes.findIndex(({ status }) => status === 'fulfilled')
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  expect(refused).toMatchObject([{ code: 'MESSAGE_STATE', message: expect.stringContaining(id) }])
  return won === 0 ? first : second
}

/** Leaves the next call in doubt. */
function doubtful(bank: FakeOperation<string>): void {
  bank.next('timeout-after')
}

describe('two people who act on one message at once', () => {
  it.each(onEnded)('do not %s and %s it at one engine', async (...pair) => {
    const { bank, pay } = paying()
    await using engine = await rig([pay])
    doubtful(bank)
    const { id } = await engine.send(pay, 'a')
    await engine.advance('1m')
    const { admin } = engine
    const winner = await oneOf(pair, [admin, admin], id, engine.during)
    await engine.advance('1m')
    expect((await engine.trace(id)).notes).toHaveLength(1)
    expect(bank.requests).toHaveLength(callsAfter(winner))
    expect(await engine.states()).toEqual([winner === 'drop' ? 'dropped' : 'done'])
    const { messages } = await engine.during(admin.status())
    expect(messages).toMatchObject(winner === 'drop' ? { dropped: 1, done: 0 } : { dropped: 0, done: 1 })
  })

  it.each(onLive)('do not %s and %s it at one engine while it waits', async (...pair) => {
    const { bank, pay } = paying()
    await using engine = await rig([pay])
    bank.next('unavailable')
    const { id } = await engine.send(pay, 'a')
    await engine.advance('1ms')
    const { admin } = engine
    const winner = await oneOf(pair, [admin, admin], id, engine.during)
    await engine.advance('1m')
    expect((await engine.trace(id)).notes).toHaveLength(1)
    expect(await engine.states()).toEqual([winner === 'cancel' ? 'dropped' : 'dead'])
    expect(engine.engine.state).toBe('running')
  })

  it.each(onEnded)('do not %s and %s it at two engines', async (...pair) => {
    const { bank, pay } = paying()
    await using three = await cluster([pay])
    const all = three.nodes as readonly [Node, Node, Node]
    for (const [n, [one, other]] of [
      [all[0], all[1]] as const,
      [all[1], all[2]] as const,
      [all[2], all[0]] as const,
    ].entries()) {
      doubtful(bank)
      const { id } = await all[0].send(pay, `k${n}`)
      await three.advance('1m')
      const before = bank.requests.length
      const winner = await oneOf(pair, [one.admin, other.admin], id, three.during)
      await three.advance('1m')
      expect((await all[0].admin.trace(id)).notes).toHaveLength(1)
      expect(bank.requests).toHaveLength(before - 1 + callsAfter(winner))
    }
    expect(all.map(({ engine }) => engine.state)).toEqual(['running', 'running', 'running'])
  })

  it.each([
    { at: 'its claim', code: 'MESSAGE_STATE' },
    { at: 'its change', code: 'JOURNAL_TAKEN_OVER' },
  ])('act after one another once an engine has died at $at', async ({ at, code }) => {
    const { bank, pay } = paying()
    const one = (): Node => three.nodes[0] as Node
    let lives = true
    await using three = await cluster([pay], {
      onCommit: ({ state, revive }, _n, member) => {
        const claims = state.some(({ scope, value }) => scope === 'linkspan:claims' && value !== null)
        const strikes = at === 'its claim' ? claims : revive.length > 0
        if (!strikes || !lives || member !== one().member) return 'ok'
        lives = false
        one().freeze()
        return claims ? 'ok' : 'unreachable-before'
      },
    })
    doubtful(bank)
    const { id } = await one().send(pay, 'a')
    await three.advance('1m')
    const late = acts.redeliver(one().admin, id)
    late.catch(() => undefined)
    await three.advance('1s')
    expect(lives).toBe(false)
    const other = (three.nodes[1] as Node).admin
    const before = three.clock.now()
    await three.during(acts.drop(other, id))
    // Not before the one that began is fenced.
    expect(three.clock.now() - before).toBeGreaterThan(5_000)
    one().thaw()
    await expect(three.during(late)).rejects.toMatchObject({ code })
    await three.advance('1m')
    expect((await other.trace(id)).notes).toMatchObject([{ what: 'dropped' }])
    expect(bank.requests).toHaveLength(1)
  })

  it('are refused while another engine that lives cannot bring to an end what it began', async () => {
    const { bank, pay } = paying()
    let isThere = true
    await using three = await cluster([pay], {
      onCommit: ({ revive }) => (revive.length > 0 && !isThere ? 'unreachable-before' : 'ok'),
    })
    const [one, other] = three.nodes as readonly [Node, Node]
    doubtful(bank)
    const { id } = await one.send(pay, 'a')
    await three.advance('1m')
    isThere = false
    const first = acts.redeliver(one.admin, id)
    await three.advance('1s')
    await expect(three.during(acts.drop(other.admin, id))).rejects.toMatchObject({
      code: 'MESSAGE_STATE',
      message: expect.stringContaining('at another engine'),
    })
    isThere = true
    await three.during(first)
    await three.advance('1m')
    expect((await other.admin.trace(id)).notes).toMatchObject([{ what: 'redelivered' }])
    expect(bank.requests).toHaveLength(2)
  })

  it('are refused for what was done to a message of a selection since it was read', async () => {
    const { bank, pay } = paying()
    await using engine = await rig([pay])
    const ids: string[] = []
    for (const key of ['a', 'b']) {
      bank.next({ rejected: 'not like this' })
      ids.push((await engine.send(pay, key)).id)
      await engine.advance('1s')
    }
    const { admin } = engine
    const selection = { query: { flow: 'pay', states: ['dead' as const] } }
    const slow = admin.redeliver(selection, { ...note, perSecond: 0.1 })
    await engine.advance('1s')
    expect(await engine.during(admin.drop({ ids: ids.slice(1) }, 'gone'))).toMatchObject({ done: 1 })
    const { done, refused } = await engine.during(slow)
    expect([done, refused]).toMatchObject([1, [{ id: ids[1], error: { code: 'MESSAGE_STATE' } }]])
    expect(refused[0]?.error.message).toContain('is dropped. It was dead when you looked')
    expect(await engine.states()).toEqual(['done', 'dropped'])
  })
})
