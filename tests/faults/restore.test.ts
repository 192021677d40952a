import { flow, inbox } from 'linkspan'
import type { Guarantee } from 'linkspan/connect'
import type { SimulatedSnapshot } from 'linkspan/journal'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from '../engine/rig.ts'

type Moment = 'at acceptance' | 'before the call' | 'during the call' | 'after the call' | 'before acceptance'

/**
 * One message whose call succeeds; then the journal is put back to what it was at a moment, as a restored backup does, and
 * an engine is started on it. What the other system saw is what it saw.
 */
async function restoredFrom<G extends Guarantee>(moment: Moment, guarantee: G, later = '0s' as `${number}s`) {
  const call = fakeOperation<string, undefined, G>('system.call', guarantee, { timeout: '10s' })
  const settings = guarantee.kind === 'none' ? { onUnknown: 'inDoubt' } : {}
  const act = flow('act')
    .from(inbox<string>())
    .delay('rest', '10m')
    .to('call', call as never, settings as never)
  await using engine = await rig([act])
  const copies = new Map<Moment, SimulatedSnapshot>()
  const copy = (at: Moment): unknown => copies.set(at, engine.journal.snapshot())
  copy('before acceptance')
  call.when(() => {
    if (!copies.has('during the call')) copy('during the call')
    return undefined
  })
  await engine.send(act, 'x')
  copy('at acceptance')
  await engine.advance('1m')
  copy('before the call')
  await engine.advance('20m')
  expect(await engine.states()).toEqual(['done'])
  copy('after the call')
  engine.crash()
  engine.journal.restore(copies.get(moment) as SimulatedSnapshot)
  await engine.advance(later)
  await engine.start()
  await engine.advance('2h')
  return {
    states: await engine.states(),
    requests: call.requests.length,
    effects: call.effects.length,
    marks: new Set(call.requests.map(({ mark }) => mark)).size,
    questions: call.questions,
  }
}

const natural = { kind: 'natural' } as const
const key = { kind: 'key', validFor: '1h' } as const
const verify = { kind: 'verify', settleAfter: '1s' } as const
const none = { kind: 'none' } as const

describe('a journal that is restored to a moment before a call is on record', () => {
  it('makes a natural call again', async () => {
    for (const moment of ['before the call', 'during the call'] as const)
      expect(await restoredFrom(moment, natural), moment).toMatchObject({
        states: ['done'],
        requests: 2,
        effects: 2,
      })
  })

  it('makes a call under a key again with the same key, which takes effect once', async () => {
    for (const moment of ['before the call', 'during the call'] as const)
      expect(await restoredFrom(moment, key), moment).toMatchObject({
        states: ['done'],
        requests: 2,
        effects: 1,
        marks: 1,
      })
  })

  it('has a doubt where the key is no longer valid and the call was on record as begun', async () => {
    expect(await restoredFrom('during the call', key, '7200s')).toMatchObject({
      states: ['inDoubt'],
      requests: 1,
    })
  })

  it('has a doubt too where the message was running at the moment: its call may have been begun then', async () => {
    expect(await restoredFrom('at acceptance', key, '7200s')).toMatchObject({
      states: ['inDoubt'],
      requests: 1,
    })
  })

  it('cannot know of a call under a key that was begun after the moment, when the key is no longer valid', async () => {
    expect(await restoredFrom('before the call', key, '7200s')).toMatchObject({
      states: ['done'],
      requests: 2,
      effects: 2,
    })
  })

  it('asks for a call with verify that was begun before the moment', async () => {
    const found = await restoredFrom('during the call', verify)
    expect(found).toMatchObject({ states: ['done'], requests: 1, effects: 1 })
    expect(found.questions).toBeGreaterThan(0)
  })

  it('makes a call with verify again that was begun after the moment, without asking', async () => {
    expect(await restoredFrom('before the call', verify)).toMatchObject({
      states: ['done'],
      requests: 2,
      effects: 2,
      marks: 1,
      questions: 0,
    })
  })

  it('has a doubt of a call without a guarantee that was begun before the moment', async () => {
    expect(await restoredFrom('during the call', none)).toMatchObject({
      states: ['inDoubt'],
      requests: 1,
      effects: 1,
    })
  })

  it('makes a call without a guarantee again that was begun after the moment', async () => {
    expect(await restoredFrom('before the call', none)).toMatchObject({
      states: ['done'],
      requests: 2,
      effects: 2,
    })
  })
})

it('repeats nothing that was on record at the moment, and knows nothing of what was accepted after it', async () => {
  for (const guarantee of [natural, key, verify, none]) {
    expect(await restoredFrom('after the call', guarantee)).toMatchObject({
      states: ['done'],
      requests: 1,
      effects: 1,
    })
    expect(await restoredFrom('before acceptance', guarantee)).toMatchObject({
      states: [],
      requests: 1,
      effects: 1,
    })
  }
})
