import fc from 'fast-check'
import { deadLetter, flow, ignore, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { rig } from './rig.ts'

type As = 'done' | 'filtered' | 'dead'

interface Job {
  readonly id: string
  readonly as: As
}

interface Told {
  readonly hook: string
  readonly id: string
  readonly ending: string
  readonly error: string | null
}

function hooked() {
  const tell = fakeOperation<Told>('shop.tell', { kind: 'key', validFor: '24h' })
  const work = fakeOperation<Job>('shop.work', { kind: 'key', validFor: '24h' })
  const jobs = flow('jobs', { onError: deadLetter() })
    .from(inbox<Job>(), { key: ({ id }) => id })
    .onCompletion('always', (ended) =>
      ended.to('tell', tell, {
        input: ({ body, ending, error }) => ({
          hook: 'always',
          id: body.id,
          ending,
          error: error?.message ?? null,
        }),
      }),
    )
    .onCompletion(
      'when it got through',
      (ended) =>
        ended.to('tell', tell, {
          input: ({ body, ending, error }) => ({ hook: 'success', id: body.id, ending, error }),
        }),
      { on: 'success' },
    )
    .filter('wanted', ({ as }) => as !== 'filtered')
    .to('work', work)
    .map('checked', (job) => {
      if (job.as === 'dead') throw new Error(`no ${job.id}`)
      return job
    })
    .onCompletion(
      'when it did not',
      (ended) =>
        ended.to('tell', tell, {
          input: ({ body, ending, error }) => ({
            hook: 'failure',
            id: body.id,
            ending,
            error: error?.message ?? null,
          }),
        }),
      { on: 'failure' },
    )
  return { jobs, tell, work, told: (): readonly Told[] => tell.effects.map(({ input }) => input) }
}

const hooksOf = (told: readonly Told[], id: string): readonly string[] =>
  told
    .filter((each) => each.id === id)
    .map(({ hook, ending, error }) => `${hook}: ${ending}${error === null ? '' : `, ${error}`}`)
    .toSorted()

describe('hooks on completion', () => {
  it('are told of each message how it ended, wherever they stand', async () => {
    const { jobs, told } = hooked()
    await using one = await rig([jobs])
    for (const as of ['done', 'filtered', 'dead'] as const) await one.send(jobs, { id: as, as })
    await one.advance('1m')
    expect(await one.states()).toEqual(['done', 'filtered', 'dead'])
    expect(hooksOf(told(), 'done')).toEqual(['always: done', 'success: done'])
    expect(hooksOf(told(), 'filtered')).toEqual(['always: filtered', 'success: filtered'])
    expect(hooksOf(told(), 'dead')).toEqual(['always: dead, no dead', 'failure: dead, no dead'])
  })

  it('are children of the message, seen in its trace', async () => {
    const { jobs } = hooked()
    await using one = await rig([jobs])
    const { id } = await one.send(jobs, { id: 'a', as: 'done' })
    await one.advance('1m')
    const { children, steps, message } = await one.trace(id)
    expect(message.state).toBe('done')
    expect(children.map(({ state }) => state)).toEqual(['done', 'done'])
    expect(steps.map(({ path, outcome }) => `${path} ${outcome}`)).toContain('always done')
    const hook = await one.trace(children[0]?.id ?? '')
    expect(hook.message.body).toEqual({
      body: { id: 'a', as: 'done' },
      ending: 'done',
      error: null,
      reason: '',
    })
    expect(hook.steps.map(({ path, outcome }) => `${path} ${outcome}`)).toEqual(['always/tell done'])
  })

  it('do not touch the message when they fail, and are dead letters of their own', async () => {
    const { jobs, tell, told } = hooked()
    tell.when(() => ({ rejected: 'closed' }))
    await using one = await rig([jobs])
    const { id } = await one.send(jobs, { id: 'a', as: 'done' })
    await one.advance('1m')
    expect(await one.message(id)).toMatchObject({ state: 'done' })
    const { items } = await one.admin.messages({ children: true, states: ['dead'] })
    expect(items).toHaveLength(2)
    expect(told()).toEqual([])
    tell.when(() => 'ok')
    await one.during(one.admin.redeliver({ ids: items.map((item) => item.id) }, { note: 'open again' }))
    await one.advance('1m')
    // They are no messages of the flow themselves: they have no hooks.
    expect(hooksOf(told(), 'a')).toEqual(['always: done', 'success: done'])
  })

  it('run again, once, for each time that a message comes to an end', async () => {
    const { jobs, work, told } = hooked()
    work.when(() => ({ rejected: 'not today' }))
    await using one = await rig([jobs])
    const { id } = await one.send(jobs, { id: 'a', as: 'done' })
    await one.advance('1m')
    await one.during(one.admin.redeliver({ ids: [id] }, { note: 'again' }))
    await one.advance('1m')
    expect(
      told()
        .map(({ hook }) => hook)
        .toSorted(),
    ).toEqual(['always', 'always', 'failure', 'failure'])
    work.when(() => 'ok')
    await one.during(one.admin.redeliver({ ids: [id] }, { note: 'again' }))
    await one.advance('1m')
    await one.during(one.admin.redeliver({ ids: [id] }, { note: 'all of it', fresh: true }))
    await one.advance('1m')
    expect(await one.states()).toEqual(['done'])
    expect(hooksOf(told().slice(4), 'a')).toEqual([
      'always: done',
      'always: done',
      'success: done',
      'success: done',
    ])
    expect((await one.trace(id)).unfinished).toBeNull()
  })

  it('are told of what the policy of the flow drops, and not of what a person ends', async () => {
    const { jobs, tell, told } = hooked()
    const dropping = flow('dropping', { onError: ignore() })
      .from(inbox<string>())
      .onCompletion(
        'given up',
        (ended) =>
          ended.to('tell', tell, {
            input: ({ body, ending, reason }) => ({ hook: reason, id: body, ending, error: null }),
          }),
        { on: 'failure' },
      )
      .map((): string => {
        throw new Error('useless')
      })
    const waiting = flow('waiting')
      .from(inbox<string>())
      .onCompletion('tell', (ended) => ended.map(({ body }): Job => ({ id: body, as: 'done' })))
      .delay('a while', '1h')
    await using one = await rig([jobs, dropping, waiting])
    await one.send(dropping, 'x')
    const { id } = await one.send(waiting, 'y')
    const dead = await one.send(jobs, { id: 'z', as: 'dead' })
    await one.advance('1m')
    expect(hooksOf(told(), 'x')).toEqual(['useless: dropped'])
    const before = told().length
    await one.during(one.admin.cancel(id, 'no more'))
    await one.during(one.admin.drop({ ids: [dead.id] }, 'no more'))
    await one.advance('2h')
    expect(await one.states()).toEqual(['dropped', 'dropped', 'dropped'])
    expect((await one.trace(id)).children).toEqual([])
    expect(told()).toHaveLength(before)
  })

  it('are no business of children, and run behind the fallback of the flow', async () => {
    const tell = fakeOperation<string>('shop.tell', { kind: 'key', validFor: '24h' })
    const split = flow('split', { onError: deadLetter() })
      .from(inbox<{ readonly ns: readonly number[] }>())
      .onCompletion('end', (ended) => ended.to('tell', tell, { input: ({ ending }) => `end: ${ending}` }))
      .split(
        'each',
        ({ ns }) => ns,
        (item) =>
          item.map((n) => {
            if (n < 0) throw new Error('below zero')
            return n
          }),
        { stopOnError: true },
      )
      .onError((failed) => failed.to('instead', tell, { input: () => 'instead' }))
    await using one = await rig([split])
    await one.send(split, { ns: [1, 2] })
    await one.advance('1m')
    await one.send(split, { ns: [-1] })
    await one.advance('1m')
    expect(tell.effects.map(({ input }) => input)).toEqual(['end: done', 'instead', 'end: done'])
  })

  it('wait with a message in doubt until somebody has decided', async () => {
    const none = fakeOperation<string>('shop.none', { kind: 'none' })
    const tell = fakeOperation<string>('shop.tell', { kind: 'key', validFor: '24h' })
    none.next('timeout-after')
    const doubtful = flow('doubtful')
      .from(inbox<string>())
      .onCompletion('end', (ended) => ended.to('tell', tell, { input: ({ ending }) => ending }))
      .to('none', none, { onUnknown: 'inDoubt' })
    await using one = await rig([doubtful])
    const { id } = await one.send(doubtful, 'a')
    await one.advance('10m')
    expect(await one.states()).toEqual(['inDoubt'])
    expect(tell.effects).toEqual([])
    await one.during(one.admin.resolve(id, true, { note: 'it is there' }))
    await one.advance('1m')
    expect(tell.effects.map(({ input }) => input)).toEqual(['done'])
  })

  it('cannot be handed what is no JSON: the message is a dead letter that says so, and does not hang', async () => {
    const big = flow('big')
      .from(inbox(z.object({ n: z.number().transform((n) => BigInt(n)) })))
      .onCompletion('end', (ended) => ended.map(({ ending }) => ending))
      .map(({ n }) => String(n))
    await using one = await rig([big])
    const { id } = await one.send(big, { n: 1 } as never)
    await one.advance('1m')
    const { state, error } = await one.message(id)
    expect(state).toBe('dead')
    expect(error).toMatchObject({
      code: 'BODY_INVALID',
      message: expect.stringMatching(/hooks on completion.*BigInt.*convert in a step/),
    })
  })

  it('run once for each message, whenever the engine is killed', async () => {
    const SEED = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)
    const acts = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom<As>('done', 'filtered', 'dead') },
        { weight: 2, arbitrary: fc.constant('crash' as const) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 }) },
      ),
      { minLength: 1, maxLength: 14 },
    )
    await fc.assert(
      fc.asyncProperty(acts, async (given) => {
        const { jobs, told } = hooked()
        await using one = await rig([jobs])
        const sent: Job[] = []
        for (const act of given) {
          if (act === 'crash') {
            one.crash()
            await one.start()
          } else if (typeof act === 'number') await one.advance(act)
          else {
            sent.push({ id: `${sent.length}`, as: act })
            await one.send(jobs, sent.at(-1) as Job)
          }
        }
        await one.advance('10m')
        const expected = sent.flatMap(({ id, as }) =>
          as === 'dead'
            ? [`${id} always: dead, no ${id}`, `${id} failure: dead, no ${id}`]
            : [`${id} always: ${as}`, `${id} success: ${as}`],
        )
        expect(sent.flatMap(({ id }) => hooksOf(told(), id).map((each) => `${id} ${each}`))).toEqual(expected)
        expect(told()).toHaveLength(expected.length)
      }),
      { numRuns: 60, seed: SEED },
    )
  })
})
