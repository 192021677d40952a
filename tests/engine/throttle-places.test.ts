import { fixed, flow, inbox, retry } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { cluster } from './cluster-rig.ts'
import { rig } from './rig.ts'

interface Film {
  readonly id: string
}

const KEY = { kind: 'key', validFor: '24h' } as const

function studio(concurrent: number) {
  const begin = fakeOperation<Film>('studio.begin', KEY)
  const end = fakeOperation<Film>('studio.end', KEY)
  const films = flow('films', { onError: retry({ attempts: 3, backoff: fixed('5s') }) })
    .from(inbox<Film>())
    .throttle('at once', { concurrent }, (s) => s.to('begin', begin).delay('render', '2s').to('end', end))
  /** The most that were begun and not ended at one time. */
  const most = (): number => {
    const events = [
      ...begin.effects.map(({ place }) => ({ place, by: 1 })),
      ...end.effects.map(({ place }) => ({ place, by: -1 })),
    ].toSorted((a, b) => a.place - b.place)
    let now = 0
    return Math.max(0, ...events.map(({ by }) => (now += by)))
  }
  return { films, begin, end, most }
}

describe('places in the steps of a throttle', () => {
  it('are given back by what fails, and taken again by what is tried again', async () => {
    const { films, begin, end, most } = studio(1)
    await using one = await rig([films])
    begin.when(({ input }) => (input.id === 'bad' ? 'unavailable' : undefined))
    const bad = await one.send(films, { id: 'bad' })
    await one.advance('1ms')
    for (const id of ['a', 'b']) await one.send(films, { id })
    await one.advance('4900ms')
    // The first waits to be tried again: its place is had by the others meanwhile.
    expect(end.effects.map(({ input }) => input.id)).toEqual(['a', 'b'])
    await one.advance('10s')
    expect(await one.message(bad.id)).toMatchObject({ state: 'dead' })
    expect(begin.requests.filter(({ input }) => input.id === 'bad')).toHaveLength(3)
    expect(most()).toBe(1)
  })

  it('are those of others when a person has cancelled who had them', async () => {
    const { films, end } = studio(1)
    await using one = await rig([films])
    const { id } = await one.send(films, { id: 'a' })
    await one.advance('1s')
    await one.send(films, { id: 'b' })
    await one.during(one.admin.cancel(id, 'not this one'))
    await one.advance('35s')
    expect(end.effects.map(({ input }) => input.id)).toEqual(['b'])
  })

  it('show in the trace and in the metrics', async () => {
    const { films } = studio(1)
    await using one = await rig([films])
    await one.send(films, { id: 'a' })
    await one.advance('1ms')
    const { id } = await one.send(films, { id: 'b' })
    await one.advance('1ms')
    const { steps, notes } = await one.trace(id)
    expect(steps.map(({ path, outcome }) => [path, outcome])).toEqual([['at once', 'waiting']])
    expect(notes.map(({ note }) => note)).toEqual(['at once: waits for a place: 1 of 1 are taken'])
    expect(one.engine.metrics.prometheus()).toMatch(
      /step_events_total\{event="waited",flow="films",step="at once"\} 1$/m,
    )
  })

  it('are as many for all engines of a journal, while engines die and come', async () => {
    const { films, end, most } = studio(3)
    await using three = await cluster([films])
    for (let n = 0; n < 30; n += 1) {
      const alive = three.nodes.filter(({ isAlive }) => isAlive)
      await alive[n % alive.length]?.send(films, { id: `f${n}` })
      if (n === 10) three.nodes[0]?.kill()
      if (n === 20) await three.join()
      await three.advance('200ms')
    }
    await three.advance('10m')
    expect(end.effects).toHaveLength(30)
    expect(most()).toBe(3)
    expect(new Set(await three.states())).toEqual(new Set(['done']))
  })
})
