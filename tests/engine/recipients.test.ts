import { flow, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

interface Order {
  readonly to: readonly string[]
}

const put = () => fakeOperation('store.put', { kind: 'natural' }, { result: (input: unknown) => input })

function asking(prices: Readonly<Record<'north' | 'south', number>>, also: readonly string[] = []) {
  const kept = put()
  const ask = flow('ask')
    .from(inbox<Order>(), { key: () => 'a' })
    .recipients(
      'ask',
      ({ to }) => [...to, ...also],
      (r) =>
        r
          .branch('south', (s) => s.call('load', kept, { input: () => prices.south }))
          .branch('north', (s) => s.delay('slow', '1m').call('load', kept, { input: () => prices.north })),
      { join: 'collect', as: 'answers' },
    )
    .reply('answers', (_order, { answers }) => answers)
  return { kept, ask }
}

describe('recipients', () => {
  it('are joined in the order of the list, whichever comes first, over a restart', async () => {
    const { ask } = asking({ north: 12, south: 9 })
    await using engine = await rig([ask])
    const { id } = await engine.send(ask, { to: ['north', 'south', 'north'] })
    await engine.advance('30s')
    engine.crash()
    await engine.start()
    await engine.advance('2m')
    expect(await engine.reply(id)).toEqual([
      { from: 'north', body: 12 },
      { from: 'south', body: 9 },
      { from: 'north', body: 12 },
    ])
    const { children, steps } = await engine.trace(id)
    expect(children).toHaveLength(3)
    expect(steps.map(({ path, outcome }) => `${path} ${outcome}`)).toEqual(['ask done', 'answers done'])
  })

  it('replay without a difference, and with one for each recipient more or less', async () => {
    const { ask } = asking({ north: 12, south: 9 })
    await using engine = await rig([ask])
    const { id } = await engine.send(ask, { to: ['north', 'south'] })
    await engine.advance('2m')
    const replay = () => engine.during(engine.admin.replay({ ids: [id] }, () => undefined))
    expect((await replay()).differences).toEqual([])
    await engine.stop()
    await engine.start([asking({ north: 12, south: 9 }, ['south']).ask])
    expect((await replay()).differences).toMatchObject([{ kind: 'added', path: 'ask[2]' }])
    await engine.stop()
    const other = flow('ask')
      .from(inbox<Order>(), { key: () => 'a' })
      .recipients(
        'ask',
        ({ to }) => to.toReversed(),
        (r) =>
          r
            .branch('south', (s) => s.call('load', put(), { input: () => 9 }))
            .branch('north', (s) => s.delay('slow', '1m').call('load', put(), { input: () => 12 })),
        { join: 'collect', as: 'answers' },
      )
      .reply('answers', (_order, { answers }) => answers)
    await engine.start([other])
    const paths = (await replay()).differences.map(({ kind, path }) => `${kind} ${path}`)
    expect(paths.slice(0, 4)).toEqual([
      'removed ask/north[0]',
      'added ask/south[0]',
      'removed ask/south[1]',
      'added ask/north[1]',
    ])
  })

  it('fail the message, once and for good, for a name that is unknown', async () => {
    const { ask, kept } = asking({ north: 12, south: 9 })
    await using engine = await rig([ask])
    const { id } = await engine.send(ask, { to: ['north', 'west'] })
    await engine.advance('1h')
    const message = await engine.message(id)
    expect(message).toMatchObject({ state: 'dead', attempt: 1, error: { code: 'STEP_FAILED' } })
    expect(message.error?.message).toContain(
      '"west" in "ask", which has no such branch. Its branches are: south, north.',
    )
    expect(kept.requests).toEqual([])
  })
})
