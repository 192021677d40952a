import { flow, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { type Cluster, type ClusterOptions, cluster, type Node } from './cluster-rig.ts'

const DAY_MS = 86_400_000
const WRONG = [
  ['a month ahead', 30 * DAY_MS],
  ['a month behind', -30 * DAY_MS],
] as const
const KEYS = Array.from({ length: 12 }, (_, at) => `k${at}`)

const node = ({ nodes }: Cluster, n: number): Node => nodes[n] as Node

/** A flow that lets an hour pass before it puts what it got. */
function resting() {
  const put = fakeOperation<string>('store.put', { kind: 'key', validFor: '24h' })
  const rest = flow('rest')
    .from(inbox<string>(), { key: (key) => key })
    .delay('an hour', '1h')
    .to('put', put)
  return { put, rest }
}

/** One engine whose clock is right, with a message of each key that waits, and one whose clock is not. */
async function withWrong(
  aheadMs: number,
  options: Pick<ClusterOptions, 'withoutJudge'> = {},
): Promise<ReturnType<typeof resting> & { readonly engines: Cluster }> {
  const made = resting()
  const engines = await cluster([made.rest], { engines: 1, ...options })
  for (const key of KEYS) await node(engines, 0).send(made.rest, key)
  await engines.advance('1m')
  await engines.join([made.rest], {}, aheadMs)
  return { ...made, engines }
}

/** How many messages are kept after an engine with a wrong clock has run some, and all have had time to forget. */
async function keptAfter(
  aheadMs: number,
  options: Pick<ClusterOptions, 'withoutJudge'> = {},
): Promise<number> {
  const put = fakeOperation<string>('store.put', { kind: 'key', validFor: '24h' })
  const save = flow('save')
    .from(inbox<string>(), { key: (key) => key })
    .to('put', put)
  await using engines = await cluster([save], { engines: 1, ...options })
  await engines.join([save], {}, aheadMs)
  await engines.advance('30s')
  for (const key of KEYS) await node(engines, 1).send(save, key)
  await engines.advance('10m')
  expect(put.effects).toHaveLength(KEYS.length)
  const { items } = await node(engines, 0).admin.messages({ limit: 100 })
  return items.length
}

describe('an engine of a cluster whose clock is wrong', () => {
  it.each(WRONG)('%s: ends the delays of others neither early nor late', async (_how, aheadMs) => {
    const { put, engines } = await withWrong(aheadMs)
    await using _ = engines
    await engines.advance('50m')
    expect(put.effects).toEqual([])
    await engines.advance('20m')
    expect(put.effects).toHaveLength(KEYS.length)
  })

  it('would end them early without the time of the journal', async () => {
    const { put, engines } = await withWrong(30 * DAY_MS, { withoutJudge: true })
    await using _ = engines
    await engines.advance('50m')
    expect(put.effects.length).toBeGreaterThan(0)
  })

  it.each(WRONG)('%s: forgets no history, and leaves none that others forget', async (_how, aheadMs) => {
    expect(await keptAfter(aheadMs)).toBe(KEYS.length)
  })

  it.each(WRONG)('%s: would be why history is forgotten, without that time', async (_how, aheadMs) => {
    expect(await keptAfter(aheadMs, { withoutJudge: true })).toBeLessThan(KEYS.length)
  })

  it('goes by the journal also when its clock is set while it runs', async () => {
    const { put, engines } = await withWrong(0)
    await using _ = engines
    await engines.advance('10s')
    node(engines, 1).setClock(30 * DAY_MS)
    await engines.advance('50m')
    expect(put.effects).toEqual([])
    node(engines, 1).setClock(-7 * DAY_MS)
    await engines.advance('20m')
    expect(put.effects).toHaveLength(KEYS.length)
    const { items } = await node(engines, 0).admin.messages({ limit: 100 })
    expect(items.every(({ endedAt }) => Math.abs((endedAt ?? 0) - engines.clock.now()) < DAY_MS)).toBe(true)
  })

  it('is shown with by how much, and says so in its log', async () => {
    const { engines } = await withWrong(30 * DAY_MS)
    await using _ = engines
    const { members } = await node(engines, 0).admin.cluster()
    expect(members.map(({ clockAheadMs }) => clockAheadMs)).toEqual([0, 30 * DAY_MS])
    expect(node(engines, 1).log.of('clock.wrong')).toMatchObject([{ fields: { aheadMs: 30 * DAY_MS } }])
    expect(node(engines, 0).log.of('clock.wrong')).toEqual([])
  })
})
