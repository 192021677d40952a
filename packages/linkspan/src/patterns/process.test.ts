import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { channel } from '../flow/channel.ts'
import { event } from '../flow/event.ts'
import { flow } from '../flow/flow.ts'
import { graph } from '../flow/graph.ts'
import { inbox } from '../flow/inbox.ts'
import { LinkspanError } from '../model/errors.ts'
import { exponential, retry } from '../model/policy.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { type TestFlow, testFlow } from '../testing/test-flow.ts'
import { begin } from './fixtures/pass-for-tests.ts'

const charge = fakeOperation(
  'bank.charge',
  { kind: 'key', validFor: '24h' },
  { result: (amount: number) => ({ receipt: `r${amount}` }) },
)
const look = fakeOperation('stock.look', { kind: 'natural' }, { result: (sku: string) => sku.length })
const ship = fakeOperation(
  'post.ship',
  { kind: 'verify', settleAfter: '5s' },
  { result: (sku: string) => `sent ${sku}` },
)
const approved = event<{ by: string }>('approved', { keep: '30d' })
const shipped = channel<{ id: string }>('shipped')
const uses = { charge, look, ship, approved }
const publishing = { ...uses, shipped }

interface Order {
  readonly id: string
  readonly items: readonly string[]
}

const orders = () =>
  flow('orders', { onError: retry({ attempts: 3, backoff: exponential('1s', '10s') }) }).from(
    inbox<Order>(),
    {
      key: ({ id }) => id,
    },
  )
const approvals = flow('approvals')
  .from(inbox<{ order: string; by: string }>())
  .raise('tell', approved, { key: ({ order }) => order, value: ({ by }) => ({ by }) })
const behind = flow('behind')
  .from(shipped)
  .map('id', ({ id }) => id)

const order = (id: string, ...items: string[]): Order => ({ id, items })

const reset = (): void => {
  for (const operation of [charge, look, ship]) operation.reset()
}

async function only(flows: TestFlow): Promise<Awaited<ReturnType<TestFlow['messages']>>[number]> {
  const [message] = await flows.messages()
  if (!message) throw new Error('no message')
  return message
}

describe('process', () => {
  it('calls, sleeps, waits and publishes, and goes on with what it answers', async () => {
    reset()
    const seen: unknown[] = []
    const tested = orders()
      .process('fulfil', { uses: publishing, as: 'done' }, async ({ id, items }, ctx) => {
        const began = ctx.now
        const { receipt } = await ctx.call('charge', items.length)
        await ctx.sleep('cool off', '3d')
        const slept = ctx.now - began
        const { by } = await ctx.waitFor('approved', id, { timeout: '7d' })
        ctx.publish('shipped', { id })
        return { receipt, by, slept }
      })
      .map((_order, { done }) => {
        seen.push(done)
        return done
      })
    const flows = await testFlow([tested, approvals, behind])
    await flows.send(order('o1', 'a', 'b'))
    await flows.advance('3d')
    await flows.sendTo(approvals, { order: 'o1', by: 'ada' })
    await flows.run()
    const states = (await flows.messages()).map(({ flow: name, state }) => `${name} ${state}`)
    expect(states).toEqual(['orders done', 'approvals done', 'behind done'])
    expect(seen[0]).toEqual({ receipt: 'r2', by: 'ada', slept: 3 * 86_400_000 })
    expect(charge.effects).toHaveLength(1)
  })

  it('raises an event for another message that waits for it, once, and none that does not fit', async () => {
    const decided = event('decided', { schema: z.object({ yes: z.boolean() }) })
    const waiting = flow('waiting')
      .from(inbox<{ id: string }>())
      .waitFor('decision', decided, { key: ({ id }) => id, as: 'decision' })
      .reply('said', (_asked, { decision }) => decision)
    const deciding = flow('deciding')
      .from(inbox<{ id: string; yes: boolean }>())
      .process('decide', { uses: { decided } }, async ({ id, yes }, ctx) => {
        ctx.raise('decided', id, { yes })
        await ctx.sleep('a while', '1h')
        ctx.raise('decided', `${id} again`, { yes: !yes })
      })
    const flows = await testFlow([waiting, deciding])
    const { id } = await flows.send({ id: 'a' })
    await flows.sendTo(deciding, { id: 'a', yes: true })
    await flows.run()
    expect(await flows.reply(id)).toEqual({ reply: { yes: true } })
    const second = await flows.send({ id: 'a again' })
    await flows.run()
    expect(await flows.reply(second.id)).toEqual({ reply: { yes: false } })
    const raised = (await flows.messages()).filter(({ flow: name }) => name === 'linkspan.control')
    expect(raised).toHaveLength(2)
    await flows.sendTo(deciding, { id: 'b', yes: 'perhaps' as never })
    await flows.run()
    const failed = (await flows.messages()).find(({ state }) => state === 'dead')
    expect(failed).toMatchObject({ flow: 'deciding', error: { code: 'BODY_INVALID' } })
  })

  it('lets others of its key by while it sleeps, or holds them', async () => {
    reset()
    for (const hold of [false, true]) {
      const said: string[] = []
      const tested = orders()
        .process('sleep', { hold }, async ({ items }, ctx) => {
          if (items.length > 0) await ctx.sleep('long', '2d')
        })
        .map(({ items }) => said.push(items.join()))
      const flows = await testFlow(tested)
      await flows.send(order('o1', 'slow'))
      await flows.send(order('o1'))
      await flows.run()
      expect(said).toEqual(hold ? ['slow', ''] : ['', 'slow'])
    }
  })

  it('makes several calls at once, and goes on when all have ended', async () => {
    reset()
    const tested = orders()
      .process('ask', { uses, as: 'sizes' }, ({ items }, ctx) =>
        Promise.all(items.map(async (item) => ({ item, size: await ctx.call('look', item) }))),
      )
      .reply('sizes', (_order, { sizes }) => sizes)
    const flows = await testFlow(tested)
    look.next({ retryAfter: '5s' })
    const sizes = await flows.request(order('o1', 'a', 'bb', 'ccc'))
    expect(sizes).toEqual([
      { item: 'a', size: 1 },
      { item: 'bb', size: 2 },
      { item: 'ccc', size: 3 },
    ])
    expect(look.effects.map(({ input }) => input)).toEqual(['bb', 'ccc', 'a'])
  })

  it('lets the first win a race, the same one each time it is run', async () => {
    reset()
    const won: string[] = []
    const tested = orders().process('race', { uses }, async ({ id }, ctx) => {
      const name = async (what: string, wait: Promise<unknown>): Promise<string> => wait.then(() => what)
      const first = await Promise.race([
        name('a day', ctx.sleep('a day', '1d')),
        name('an hour', ctx.sleep('an hour', '1h')),
        name('event', ctx.waitFor('approved', id)),
      ])
      won.push(`${id} ${first}`)
      await ctx.sleep('then', '2d')
    })
    const flows = await testFlow([tested, approvals])
    await flows.send(order('o1'))
    await flows.send(order('o2'))
    await flows.advance('10m')
    await flows.sendTo(approvals, { order: 'o2', by: 'ada' })
    await flows.run()
    expect(new Set(won)).toEqual(new Set(['o2 event', 'o1 an hour']))
    expect(won.length).toBeGreaterThan(2)
  })

  it('is woken by a sleep that is shorter than a call takes', async () => {
    reset()
    const told: string[] = []
    const tested = orders().process('limit', { uses }, async ({ id }, ctx) => {
      const called = ctx.call('look', id).then(() => 'called')
      const first = await Promise.race([called, ctx.sleep('limit', '2s').then(() => 'too slow')])
      told.push(`${first} ${ctx.now - Date.UTC(2026, 0, 1)}`)
      await called
    })
    const flows = await testFlow(tested)
    look.next('timeout-after')
    await flows.send(order('o1'))
    await flows.run()
    expect(new Set(told)).toEqual(new Set(['too slow 2000']))
    expect((await only(flows)).state).toBe('done')
    expect(look.effects).toHaveLength(2)
  })

  it('tries a call again by its policy, and then rejects, once', async () => {
    reset()
    const caught: string[] = []
    const tested = orders().process(
      'try',
      {
        uses: {
          ...uses,
          look: { operation: look, onError: retry({ attempts: 2, backoff: exponential('1s', '1s') }) },
        },
      },
      async ({ id }, ctx) => {
        try {
          await ctx.call('look', id)
        } catch (error) {
          caught.push((error as LinkspanError).code)
          await ctx.call('charge', 7)
        }
        await ctx.sleep('a while', '1h')
      },
    )
    const flows = await testFlow(tested)
    look.next('unavailable', 'unavailable', 'unavailable')
    await flows.send(order('o1'))
    await flows.run()
    expect(look.requests).toHaveLength(2)
    expect(new Set(caught)).toEqual(new Set(['CALL_FAILED']))
    expect(charge.effects).toHaveLength(1)
    expect((await only(flows)).state).toBe('done')
  })

  it('waits as long as a system says before a call, also when another time comes first', async () => {
    reset()
    const tested = orders().process('both', { uses }, async ({ id }, ctx) => {
      await Promise.all([ctx.call('look', id), ctx.sleep('short', '10s').then(() => ctx.call('charge', 1))])
    })
    const flows = await testFlow(tested)
    look.next({ retryAfter: '1m' })
    await flows.send(order('o1'))
    await flows.run()
    const times = look.requests.map(({ at }) => at)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(60_000)
    expect((charge.effects[0]?.at ?? 0) - (times[0] ?? 0)).toBe(10_000)
  })

  it('fails with what it does not catch, and tries that again when it is sent again', async () => {
    reset()
    const tested = orders().process('pay', { uses }, async ({ items }, ctx) => {
      await ctx.call('look', 'first')
      await Promise.all([ctx.call('charge', items.length), ctx.call('charge', 99)])
    })
    const flows = await testFlow(tested)
    charge.next({ rejected: 'no funds' }, { rejected: 'no funds' })
    await flows.send(order('o1', 'a'))
    await flows.run()
    const dead = await only(flows)
    expect(dead).toMatchObject({ state: 'dead', error: { code: 'CALL_REJECTED' } })
    await flows.redeliver(dead.id)
    await flows.run()
    expect((await only(flows)).state).toBe('done')
    expect(look.effects).toHaveLength(1)
    expect(charge.effects.map(({ input }) => input)).toEqual([1, 99])
  })

  it('goes another way when what failed goes well after the message is sent again', async () => {
    reset()
    const tested = orders().process('pay', { uses }, async (_order, ctx) => {
      try {
        await ctx.call('charge', 1)
      } catch {
        await ctx.call('look', 'why')
      }
    })
    const flows = await testFlow(tested)
    charge.next({ rejected: 'no funds' })
    look.next({ rejected: 'no answer' })
    await flows.send(order('o1'))
    await flows.run()
    const dead = await only(flows)
    expect(dead.state).toBe('dead')
    await flows.redeliver(dead.id)
    await flows.run()
    expect((await only(flows)).state).toBe('done')
    expect(charge.effects).toHaveLength(1)
    expect(look.effects).toHaveLength(0)
  })

  it('leaves the message in doubt when a call of guarantee none is unknown, and goes on when that is resolved', async () => {
    reset()
    const mail = fakeOperation('mail.send', { kind: 'none' }, { result: (to: string) => `to ${to}` })
    const tested = orders()
      .process(
        'tell',
        { uses: { look, mail: { operation: mail, onUnknown: 'inDoubt' } } },
        async ({ id }, ctx) => {
          const both = await Promise.all([ctx.call('mail', id), ctx.call('look', 'abc')])
          return both
        },
      )
      .reply('both', (both) => both)
    const flows = await testFlow(tested)
    mail.next('reset-after')
    const { id } = await flows.send(order('o1'))
    await flows.run()
    expect((await only(flows)).state).toBe('inDoubt')
    expect(look.effects).toHaveLength(1)
    await flows.resolve(id, true, 'it is there')
    await flows.run()
    expect(await flows.reply(id)).toEqual({ reply: ['it is there', 3] })
    expect([mail.requests.length, look.effects.length]).toEqual([1, 1])
  })

  it('rests until what is under way has ended when a call has left it in doubt and a sleep is over', async () => {
    reset()
    const mail = fakeOperation('smtp.mail', { kind: 'none' }, { result: (text: string) => text })
    const slow = fakeOperation('bank.slow', { kind: 'natural' }, { timeout: '30s', result: (n: number) => n })
    const tested = orders().process(
      'fulfil',
      { uses: { slow, mail: { operation: mail, onUnknown: 'inDoubt' } } },
      async ({ id }, ctx) => {
        await Promise.all([ctx.call('slow', 1), ctx.call('mail', id), ctx.sleep('nap', '5s')])
      },
    )
    slow.next('timeout-after')
    mail.next('reset-after')
    const flows = await testFlow(tested)
    await flows.send(order('o1'))
    // Time goes on: it does not look at the sleep again and again meanwhile.
    await flows.advance('20s')
    expect((await only(flows)).state).toBe('active')
    await flows.advance('20s')
    expect((await only(flows)).state).toBe('inDoubt')
  })

  it('makes a call that nobody awaits, and leaves no wait behind', async () => {
    reset()
    const tested = orders().process('forget', { uses }, async ({ id }, ctx) => {
      void ctx.call('charge', 5)
      void ctx.call('look', id)
      void ctx.sleep('never', '900d')
      void ctx.waitFor('approved', id)
    })
    const flows = await testFlow([tested, approvals])
    look.next({ rejected: 'no' })
    await flows.send(order('o1'))
    await flows.run()
    expect((await only(flows)).state).toBe('done')
    expect(charge.effects).toHaveLength(1)
  })

  it('gives an event to the wait that was asked for last, so that one which lost a race takes nothing', async () => {
    reset()
    const heard: string[] = []
    const tested = orders().process('remind', { uses }, async ({ id }, ctx) => {
      for (let turn = 1; ; turn += 1) {
        const answer = await Promise.race([ctx.waitFor('approved', id), ctx.sleep('a day', '1d')])
        if (answer) {
          heard.push(`${turn} ${answer.by}`)
          return
        }
        await ctx.call('look', `reminder ${turn}`)
      }
    })
    const flows = await testFlow([tested, approvals])
    await flows.send(order('o1'))
    await flows.advance('60h')
    await flows.sendTo(approvals, { order: 'o1', by: 'ada' })
    await flows.run()
    expect(heard).toEqual(['3 ada'])
    expect(look.effects.map(({ input }) => input)).toEqual(['reminder 1', 'reminder 2'])
  })

  it('fails a wait after its time limit', async () => {
    reset()
    const tested = orders()
      .process('decide', { uses }, async ({ id }, ctx) => {
        const both = [
          ctx.waitFor('approved', id, { timeout: '2d' }),
          ctx.waitFor('approved', id, { timeout: '1d' }),
        ]
        const ends = await Promise.allSettled(both)
        return ends.map((end) => (end.status === 'rejected' ? (end.reason as LinkspanError).code : 'heard'))
      })
      .reply('ends', (ends) => ends)
    const flows = await testFlow(tested)
    const { id } = await flows.send(order('o1'))
    await flows.run()
    expect(await flows.reply(id)).toEqual({ reply: ['WAIT_TIMED_OUT', 'WAIT_TIMED_OUT'] })
  })

  it('draws the same random numbers each time, and does not change the body that others see', async () => {
    reset()
    const drawn: string[] = []
    const tested = orders()
      .process('draw', {}, async (given, ctx) => {
        const mine = given as unknown as { items: string[] }
        mine.items.push('mine')
        const first = `${ctx.random()} ${ctx.uuid()}`
        await ctx.sleep('a while', '1h')
        drawn.push(`${first} ${ctx.uuid()} ${mine.items.length}`)
      })
      .delay('more', '1h')
      .reply('items', ({ items }) => items)
    const flows = await testFlow(tested)
    const { id } = await flows.send(order('o1', 'a'))
    await flows.run()
    expect(await flows.reply(id)).toEqual({ reply: ['a'] })
    expect(drawn).toHaveLength(1)
    const [random, one, other] = (drawn[0] ?? '').split(' ')
    expect(Number(random)).toBeLessThan(1)
    expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(one).not.toBe(other)
    const again = await testFlow(tested)
    await again.send(order('o1', 'a'))
    await again.run()
    expect(drawn[1]).toBe(drawn[0])
  })

  it('writes each line of the log once', async () => {
    const tested = orders().process('tell', {}, async ({ id }, ctx) => {
      ctx.log('begin', { id })
      await ctx.sleep('a while', '1h')
      ctx.log('end', {}, 'warn')
      await ctx.sleep('another', '1h')
    })
    const flows = await testFlow(tested)
    await flows.send(order('o1'))
    await flows.run()
    const lines = flows.log
      .filter((line) => line.event === 'flow.log')
      .map(({ level, fields }) => [level, fields?.['step']])
    expect(lines).toEqual([
      ['info', 'tell/begin'],
      ['warn', 'tell/end'],
    ])
  })

  it('fails when it asks without end, whatever its function does about it', async () => {
    const tested = orders().process('on and on', { most: 20 }, async (_order, ctx) => {
      for (;;) await ctx.sleep('again', '1m').catch(() => undefined)
    })
    const flows = await testFlow(tested)
    await flows.send(order('o1'))
    await flows.run()
    expect(await only(flows)).toMatchObject({
      state: 'dead',
      error: { code: 'PROCESS_ENDLESS', message: expect.stringContaining('"on and on" has asked 20 times') },
    })
  })

  it('fails when it waits for what it did not ask ctx for, and when it asks for what it did not declare', async () => {
    const causes = {
      'ctx.sleep()': async () => new Promise<void>(() => undefined),
      'declared under "uses" (look)': async (ctx: { call: (name: never) => Promise<unknown> }) =>
        void (await ctx.call('no' as never)),
      'has a "/"': async (ctx: { sleep: (name: string, wait: '1s') => Promise<void> }) =>
        ctx.sleep('a/b', '1s'),
      'another name': async (ctx: { sleep: (name: string, wait: '1s') => Promise<void> }) =>
        ctx.sleep('look', '1s'),
      'needs a duration': async (ctx: { sleep: (name: string, wait: '1s') => Promise<void> }) =>
        ctx.sleep('x', 'soon' as '1s'),
    }
    for (const [message, cause] of Object.entries(causes)) {
      const flows = await testFlow(
        orders().process('wrong', { uses: { look } }, async (_order, ctx) => cause(ctx)),
      )
      await flows.send(order('o1'))
      await flows.run()
      expect(await only(flows)).toMatchObject({
        state: 'dead',
        error: { message: expect.stringContaining(message) },
      })
    }
  })

  it('is parked before anything new is begun, when its function does not do the same again', async () => {
    reset()
    let times = 0
    const tested = orders().process('chance', { uses }, async (_order, ctx) => {
      times += 1
      await ctx.call('look', 'first')
      if (times === 1) await ctx.call('look', 'abc')
      else await ctx.call('charge', 3)
      await ctx.sleep('a while', '1h')
    })
    const flows = await testFlow(tested)
    await flows.send(order('o1'))
    await flows.run()
    const { state, error } = await only(flows)
    expect([state, error?.code]).toEqual(['parked', 'PROCESS_STRAYED'])
    expect(error?.message).toMatch(
      /process "chance".*it comes to "chance\/\/1\/charge" where its record goes on with "chance\/\/2\/look".*ask ctx for the time/,
    )
    expect(charge.requests).toHaveLength(0)
  })

  it('is parked when its function ends too early, waits for another key, or gives another input', async () => {
    reset()
    let times = 0
    const again = (): boolean => {
      times += 1
      return times > 1
    }
    const strays = {
      'it ends': orders().process('x', { uses }, async (_order, ctx) => {
        if (again()) return
        await ctx.sleep('a while', '1h')
      }),
      'waits for the key "b"': orders().process('x', { uses }, async (_order, ctx) => {
        await ctx.waitFor('approved', again() ? 'b' : 'a', { timeout: '1h' })
      }),
      'the input of "x//1/look" is another one': orders().process('x', { uses }, async (_order, ctx) => {
        await ctx.call('look', again() ? 'b' : 'a')
        await ctx.sleep('a while', '1h')
      }),
      'goes on with "x//1/shipped"': orders().process('x', { uses: publishing }, async (_order, ctx) => {
        if (!again()) ctx.publish('shipped', { id: 'a' })
        await ctx.sleep('a while', '1h')
      }),
    }
    for (const [message, tested] of Object.entries(strays)) {
      times = 0
      const flows = await testFlow([tested, behind])
      await flows.send(order('o1'))
      await flows.run()
      expect(await only(flows)).toMatchObject({
        state: 'parked',
        error: { message: expect.stringContaining(message) },
      })
    }
  })

  it('is drawn with an arrow to each thing that it uses, and none between them', () => {
    const { nodes, edges } = graph(
      begin<Order>()
        .process('do', { uses: { look, approved, shipped } }, async () => undefined)
        .map('after', ({ id }) => id).definition,
    )
    const label = (id: string): string | undefined => nodes.find((node) => node.id === id)?.label
    expect(edges.map(({ from, role, to }) => `${label(from)} ${role} ${label(to)}`)).toEqual([
      'inbox next do',
      'do use look',
      'do use approved',
      'do use shipped',
      'shipped publish shipped',
      'do next after',
    ])
    expect(nodes.find((node) => node.label === 'look')).toMatchObject({
      path: 'do/look',
      guarantee: 'natural',
    })
  })

  it('runs in loops, tries, children and compensations, each with a record of its own', async () => {
    reset()
    const ended: unknown[] = []
    const tested = orders()
      .loop('turns', 2, (turn) =>
        turn.process('ask', { uses: { charge } }, async (_order, ctx) => {
          await ctx.call('charge', 10 + ctx.turn)
          await ctx.sleep('a while', '1h')
        }),
      )
      .try('care', (t) =>
        t
          .do((s) =>
            s.process('fail', { uses: { look } }, async (_order, ctx) => void (await ctx.call('look', 'no'))),
          )
          .catch('failed', 'CALL_REJECTED', (failed) =>
            failed.process('instead', { uses: { charge } }, async (_order, ctx) => {
              await ctx.sleep('a while', '1h')
              await ctx.call('charge', 20)
            }),
          ),
      )
      .split(
        'items',
        ({ items }) => items,
        (item) =>
          item.process('each', { uses: { charge } }, async (name, ctx) => {
            await ctx.sleep('a while', '1h')
            const { receipt } = await ctx.call('charge', 30 + (ctx.index ?? 0))
            return `${name} ${receipt}`
          }),
        { join: 'collect', as: 'all' },
      )
      .saga('undone', (s) =>
        s
          .step('first', (b) => b.map('as it is', (order) => order), {
            compensate: (undo) =>
              undo.process('undo', { uses: { charge } }, async (_order, ctx) => {
                await ctx.sleep('a while', '1h')
                await ctx.call('charge', 40)
              }),
          })
          .step('second', (b) =>
            b.process('break', {}, async (_order, ctx) => {
              ended.push(ctx.all)
              throw new LinkspanError('CALL_REJECTED', 'no')
            }),
          ),
      )
    const flows = await testFlow(tested)
    look.next({ rejected: 'no' })
    await flows.send(order('o1', 'a', 'b'))
    await flows.run()
    expect(charge.effects.map(({ input }) => input)).toEqual([10, 11, 20, 30, 31, 40])
    expect(ended.at(-1)).toEqual(['a r30', 'b r31'])
    expect(await only(flows)).toMatchObject({ state: 'dead', error: { message: 'no' } })
  })

  it('is tried by a circuit breaker, and ended by the time limit of its flow', async () => {
    reset()
    const broken = flow('broken', { onError: retry({ attempts: 2, backoff: exponential('1s', '1s') }) })
      .from(inbox<Order>())
      .circuitBreaker(
        'guard',
        (s) => s.process('ask', { uses: { look } }, async ({ id }, ctx) => void (await ctx.call('look', id))),
        {
          window: { calls: 2 },
          minimum: 2,
          openFor: '1m',
          fallback: (s) => s.map('instead', (given) => given),
        },
      )
    const flows = await testFlow(broken)
    look.next('unavailable', 'unavailable')
    await flows.send(order('o1'))
    await flows.run()
    await flows.send(order('o2'))
    await flows.run()
    expect((await flows.messages()).map(({ state }) => state)).toEqual(['done', 'done'])
    expect(look.requests).toHaveLength(2)

    const slow = flow('slow', { timeLimit: '1h' })
      .from(inbox<Order>())
      .process('sleep', {}, async (_order, ctx) => ctx.sleep('long', '2h'))
    const late = await testFlow(slow)
    await late.send(order('o1'))
    await late.run()
    expect(await only(late)).toMatchObject({ state: 'dead', error: { code: 'TIME_LIMIT' } })
  })

  it('refuses what it cannot use, and what would hide what is bound', () => {
    const steps = begin<Order>()
    const run = async (): Promise<void> => undefined
    expect(() => steps.process('x', undefined as never, run)).toThrow(/takes its options/)
    expect(() => steps.process('x', {}, undefined as never)).toThrow(/must be a function/)
    expect(() => steps.process('x', { uses: { a: 7 as never } }, run)).toThrow(/"a" under "uses"/)
    expect(() => steps.process('x', { uses: { 'a/b': look } }, run)).toThrow(/has a "\/"/)
    expect(() => steps.process('x', { most: 0 }, run)).toThrow(/from 1 to 10000/)
    expect(() => steps.process('x', { most: 10_001 }, run)).toThrow(/from 1 to 10000/)
    const policy = retry({ attempts: 1, final: 'ignore' })
    expect(() => steps.process('x', { onError: policy }, run)).toThrow(/cannot be ignored/)
    expect(() => steps.process('x', { as: 'id' as never }, run)).toThrow(/may not be "id"/)
    const bound = steps.state('s', { initial: () => 0, key: () => 'k', as: 'call' }, () => ({
      state: 0,
      result: 0,
    }))
    expect(() => bound.process('x', {}, run)).toThrow(/could not see what is bound to "call"/)
  })

  it('does as a model does, with calls, sleeps, joins and races nested at will, wherever its engine dies', async () => {
    await fc.assert(
      fc.asyncProperty(
        program,
        fc.array(fc.record({ after: fc.nat(3_600_000), down: fc.nat(7_200_000) }), { maxLength: 3 }),
        async (given, crashes) => {
          charge.reset()
          const ends: unknown[] = []
          const tested = flow('tested')
            .from(inbox<Program>())
            .process('run', { uses: { charge } }, async (all, ctx) => {
              const result = await interpret(all, {
                call: (n) => ctx.call('charge', n),
                sleep: (ms) => ctx.sleep('sleep', ms),
              })
              return [result, ctx.now - ctx.acceptedAt]
            })
            .map((end) => ends.push(end))
          const flows = await testFlow(tested)
          await flows.send(given)
          for (const { after, down } of crashes) {
            await flows.advance(after)
            flows.crash()
            await flows.clock.advance(down)
            await flows.restart()
          }
          await flows.run()
          const model = modelOf(given, 0)
          const inputs = charge.effects.map(({ input }) => input)
          expect(inputs.toSorted((a, b) => a - b)).toEqual(model.calls.toSorted((a, b) => a - b))
          expect(ends).toHaveLength(1)
          const [[result, time]] = ends as [[unknown, number]]
          expect(result).toEqual(model.result)
          if (crashes.length === 0) expect(time).toBe(model.time)
          else expect(time).toBeGreaterThanOrEqual(model.time)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('comes to the same, wherever the engine is killed', async () => {
    reset()
    const mail = fakeOperation('mail.send', { kind: 'none' }, { result: (to: string) => `to ${to}` })
    const all = { ...publishing, mail: { operation: mail, onUnknown: 'inDoubt' } } as const
    const tested = orders().process('fulfil', { uses: all }, async ({ id, items }, ctx) => {
      const sizes = await Promise.all(items.map((item) => ctx.call('look', item)))
      const sent = Promise.all([ctx.call('ship', id), ctx.call('charge', sizes.length)])
      await Promise.race([sent, ctx.sleep('limit', '1s')])
      await sent
      ctx.publish('shipped', { id })
      const answer = await ctx.waitFor('approved', id, { timeout: '30m' }).catch(() => ({ by: 'nobody' }))
      await ctx.sleep('a while', '1h')
      await ctx.call('mail', `${id} by ${answer.by}`)
    })
    const report = await crashSweep([tested, approvals, behind], ({ send, sendTo }) => {
      send(order('o1', 'a', 'bb'))
      sendTo(approvals, { order: 'o1', by: 'ada' })
      send(order('o2', 'a'))
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })

  it('raises each event once wherever it is', async () => {
    const waiting = orders()
      .waitFor('approval', approved, { key: ({ id }) => id, as: 'approval' })
      .to('charge', charge, { input: (_order, { approval }) => approval.by.length })
    const deciding = flow('deciding')
      .from(inbox<string>())
      .process('decide', { uses: { approved, look } }, async (id, ctx) => {
        const size = await ctx.call('look', id)
        ctx.raise('approved', id, { by: 'x'.repeat(size) })
        await ctx.sleep('a while', '1h')
        ctx.raise('approved', `${id}+`, { by: 'two' })
      })
    const report = await crashSweep([waiting, deciding], ({ send, sendTo }) => {
      send(order('o1'))
      send(order('o1+'))
      sendTo(deciding, 'o1')
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})

type Program =
  | { readonly do: 'call'; readonly n: number }
  | { readonly do: 'sleep'; readonly ms: number }
  | { readonly do: 'race'; readonly times: readonly number[] }
  | { readonly do: 'seq' | 'all'; readonly parts: readonly Program[] }

const { program } = fc.letrec<{ program: Program }>((tie) => ({
  program: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({ do: fc.constant('call' as const), n: fc.nat(50) }),
    fc.record({ do: fc.constant('sleep' as const), ms: fc.nat(3_600_000) }),
    fc.record({
      do: fc.constant('race' as const),
      times: fc.uniqueArray(fc.nat(3_600_000), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({
      do: fc.constantFrom('seq' as const, 'all' as const),
      parts: fc.array(tie('program'), { minLength: 1, maxLength: 4 }),
    }),
  ),
}))

interface Doing {
  call(n: number): Promise<unknown>
  sleep(ms: number): Promise<void>
}

/** Runs a program as the function of a process would be written. */
async function interpret(given: Program, doing: Doing): Promise<unknown> {
  switch (given.do) {
    case 'call':
      return doing.call(given.n)
    case 'sleep':
      await doing.sleep(given.ms)
      return 'slept'
    case 'race':
      return Promise.race(given.times.map((ms) => doing.sleep(ms).then(() => ms)))
    case 'all':
      return Promise.all(given.parts.map((part) => interpret(part, doing)))
    case 'seq': {
      const results: unknown[] = []
      for (const part of given.parts) results.push(await interpret(part, doing))
      return results
    }
  }
}

interface Modelled {
  readonly result: unknown
  readonly time: number
  readonly calls: readonly number[]
}

/** What comes of a program that is begun at a time, calls taking none. */
function modelOf(given: Program, time: number): Modelled {
  switch (given.do) {
    case 'call':
      return { result: { receipt: `r${given.n}` }, time, calls: [given.n] }
    case 'sleep':
      return { result: 'slept', time: time + given.ms, calls: [] }
    case 'race': {
      const first = Math.min(...given.times)
      return { result: first, time: time + first, calls: [] }
    }
    case 'all': {
      const parts = given.parts.map((part) => modelOf(part, time))
      const ends = parts.map((part) => part.time)
      return {
        result: parts.map(({ result }) => result),
        time: Math.max(time, ...ends),
        calls: parts.flatMap(({ calls }) => calls),
      }
    }
    case 'seq': {
      const parts: Modelled[] = []
      for (const part of given.parts) parts.push(modelOf(part, parts.at(-1)?.time ?? time))
      return {
        result: parts.map(({ result }) => result),
        time: parts.at(-1)?.time ?? time,
        calls: parts.flatMap(({ calls }) => calls),
      }
    }
  }
}
