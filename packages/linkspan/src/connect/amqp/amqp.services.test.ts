import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import rhea, { type Message } from 'rhea'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createEngine, defineProject, type Engine, type Flow, flow, sqlite } from '../../index.ts'
import { type RealBroker, realBroker } from './fixtures/real-broker.ts'
import { amqp } from './index.ts'

interface Item {
  readonly key: string
  readonly n: number
}

const items = (count: number, first = 0): readonly Item[] =>
  Array.from({ length: count }, (_, nth) => ({ key: `key-${(first + nth) % 10}`, n: first + nth }))

const messageOf = (item: Item): Message => ({
  message_id: `item-${item.n}`,
  group_id: item.key,
  application_properties: { n: item.n },
  body: rhea.message.data_section(Buffer.from(JSON.stringify(item))),
})

const itemOf = ({ body }: Message): Item => JSON.parse(String((body as { content: Buffer }).content)) as Item

/** Waits as long as the test may last: nothing is asserted of the time. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await pause(100)
}

for (const name of ['activemq', 'artemis'] as const) {
  const found = realBroker(name)
  describe.skipIf(found === null)(`AMQP on ${name}`, () => {
    const real = found as RealBroker
    const engines: Engine[] = []
    let folder: string
    let [from, to] = ['', '']

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'linkspan-amqp-'))
    })
    afterAll(() => rmSync(folder, { recursive: true, force: true }))
    beforeEach(() => {
      ;[from, to] = [real.fresh('in'), real.fresh('out')]
    })
    afterEach(async () => {
      await Promise.all(engines.splice(0).map((engine) => engine.stop()))
    })

    const config = () => ({
      url: `amqp://${real.host}:${real.port}`,
      user: real.user,
      password: real.password,
    })

    async function running(flows: readonly Flow[], journal = real.fresh('hub')): Promise<Engine> {
      const engine = createEngine(
        defineProject({
          journal: sqlite(join(folder, `${journal}.db`)),
          connections: { broker: config() },
          flows,
        }),
      )
      engines.push(engine)
      await engine.start()
      return engine
    }

    /** Publishes a message again and again until somebody sees it, who knows it by its id: a topic keeps nothing for who comes later. */
    async function subscribed(topic: string, ...seen: readonly (readonly number[])[]): Promise<void> {
      const probe = messageOf({ key: 'probe', n: -1 })
      while (!seen.every((mine) => mine.includes(-1))) {
        await real.put({ topic }, [probe])
        await pause(100)
      }
    }

    const counted = (seen: readonly number[]) => seen.filter((n) => n >= 0).toSorted((a, b) => a - b)

    const dead = async (engine: Engine) => (await engine.admin.messages({ states: ['dead'] })).items

    const copying = () => {
      const broker = amqp('broker')
      const write = broker.send({
        name: 'write',
        queue: to,
        group: ({ key }: Item) => key,
        properties: ({ n }) => ({ n }),
        guarantee: 'natural',
      })
      return flow('copy')
        .from(broker.consume<Item>({ queue: from, batch: 20 }))
        .to('write', write)
    }

    /** A message that was sent twice has one id, by which whoever reads it knows it. */
    function expectEachOnce(messages: readonly Message[], sent: readonly Item[]): void {
      const known = [...new Map(messages.map((each) => [String(each.message_id), itemOf(each)])).values()]
      expect(known.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(sent.map(({ n }) => n))
      for (const [key, each] of Map.groupBy(known, (item) => item.key))
        expect(each.map(({ n }) => n)).toEqual(sent.filter((item) => item.key === key).map(({ n }) => n))
    }

    /** Taken and not browsed: a browser sees only the first page of a long queue. */
    async function takeAll(sent: readonly Item[]): Promise<readonly Message[]> {
      const taken: Message[] = []
      const missing = () => sent.length - new Set(taken.map((each) => itemOf(each).n)).size
      while (missing() > 0) taken.push(...(await real.take(to, missing())))
      return [...taken, ...(await real.browse(to))]
    }

    it.skipIf(real?.trouble === null).each(['killed and started again', 'frozen for a while'])(
      'each message comes once and in order while the broker is %s',
      async (what) => {
        const { stop, start, freeze, thaw } = real.trouble as NonNullable<RealBroker['trouble']>
        const sent = items(240)
        await real.put({ queue: from }, sent.slice(0, 200).map(messageOf))
        await running([copying()])
        await until(async () => (await real.browse(to)).length > 0)
        if (what.startsWith('killed')) {
          await stop()
          await start()
        } else {
          await freeze()
          await pause(3_000)
          await thaw()
        }
        await real.put({ queue: from }, sent.slice(200).map(messageOf))
        expectEachOnce(await takeAll(sent), sent)
        expect(await real.browse(from)).toEqual([])
      },
    )

    it('each message comes once and in order though the engine is killed, twice', async () => {
      const sent = items(200)
      await real.put({ queue: from }, sent.map(messageOf))
      const settings = { ...config(), from, to, journal: join(folder, `${from}.db`) }
      const start = async (): Promise<ChildProcess> => {
        const child = fork(new URL('./fixtures/copying-engine.ts', import.meta.url), {
          execArgv: ['--conditions=source'],
          env: { ...process.env, COPYING: JSON.stringify(settings) },
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        })
        await once(child, 'message')
        return child
      }
      let seen = 0
      for (let life = 0; life < 2; life++) {
        const child = await start()
        await until(async () => (await real.browse(to)).length > seen || seen >= sent.length)
        child.kill('SIGKILL')
        await once(child, 'exit')
        seen = (await real.browse(to)).length
      }
      const last = await start()
      expectEachOnce(await takeAll(sent), sent)
      const ended = once(last, 'exit')
      last.kill('SIGTERM')
      await ended
      expect(await real.browse(from)).toEqual([])
    })

    it('reads what a selector lets through, and leaves the rest', async () => {
      await real.put({ queue: from }, items(10).map(messageOf))
      const seen: number[] = []
      const broker = amqp('broker')
      await running([
        flow('some')
          .from(broker.consume<Item>({ queue: from, selector: 'n >= 6 AND n < 9' }))
          .map('seen', ({ n }: Item) => seen.push(n)),
      ])
      await until(() => seen.length === 3)
      expect(seen.toSorted()).toEqual([6, 7, 8])
      await until(async () => (await real.browse(from)).length === 7)
    })

    it('a durable subscriber gets what was published while nobody read', async () => {
      const seen: number[] = []
      const broker = amqp('broker')
      const read = flow('read')
        .from(broker.consume<Item>({ topic: from, subscription: from }))
        .map('seen', ({ n }: Item) => seen.push(n))
      const first = await running([read], from)
      await subscribed(from, seen)
      await first.stop()
      await real.put({ topic: from }, items(3).map(messageOf))
      await running([read], from)
      await until(() => counted(seen).length === 3)
      expect(counted(seen)).toEqual([0, 1, 2])
    })

    it('each subscriber of a topic gets all that is published meanwhile', async () => {
      const seen: number[][] = [[], []]
      const broker = amqp('broker')
      await running(
        seen.map((mine, nth) =>
          flow(`read-${nth}`)
            .from(broker.consume<Item>({ topic: from }))
            .map('seen', ({ n }: Item) => mine.push(n)),
        ),
      )
      await subscribed(from, ...seen)
      const publish = broker.send({ name: 'publish', topic: from, guarantee: 'natural' })
      await running([
        flow('publish')
          .from(broker.consume<Item>({ queue: `${from}-source` }))
          .to('publish', publish),
      ])
      await real.put({ queue: `${from}-source` }, items(3).map(messageOf))
      await until(() => seen.every((mine) => counted(mine).length === 3))
      expect(seen.map(counted)).toEqual([
        [0, 1, 2],
        [0, 1, 2],
      ])
    })

    it('engines share a subscription, and each message comes to one of them', async () => {
      const shared =
        name === 'artemis'
          ? ({ topic: from, subscription: `shared-${from}`, shared: true } as const)
          : ({ queue: `Consumer.sharing.VirtualTopic.${from}` } as const)
      const topic = name === 'artemis' ? from : `VirtualTopic.${from}`
      const seen: number[][] = [[], []]
      for (const mine of seen) {
        const broker = amqp('broker')
        const read = flow('read')
          .from(broker.consume<Item>({ ...shared, prefetch: 5 }))
          .map('seen', ({ n }: Item) => mine.push(n))
        await running([read])
      }
      // Without groups, so that the broker may give each message to anybody.
      let sent = 0
      while (seen.some((mine) => mine.length === 0)) {
        await real.put({ topic }, [{ ...messageOf({ key: 'k', n: sent }), group_id: undefined as never }])
        sent += 1
      }
      await until(() => seen.flat().includes(sent - 1))
      expect(new Set(seen.flat()).size).toBe(seen.flat().length)
    })

    it('shows how often a message was delivered before', async () => {
      await real.put({ queue: from }, [messageOf({ key: 'k', n: 1 })])
      await real.fail(from)
      const seen: unknown[] = []
      const broker = amqp('broker')
      await running([
        flow('read')
          .from(broker.consume<Item>({ queue: from }))
          .map('seen', (_body: Item, { headers }) => seen.push(headers['amqp-delivery-count'])),
      ])
      await until(() => seen.length === 1)
      expect(seen).toEqual(['1'])
    })

    it('a message that cannot be read is a dead letter with its bytes, whatever is wrong with it', async () => {
      const whole = rhea.message.encode({ message_id: 'broken', body: 'x' })
      const broken = Buffer.concat([whole.subarray(0, -3), Buffer.from([0x55, 0xff, 0x01])])
      const noJson: Message = {
        message_id: 'no-json',
        body: rhea.message.data_section(Buffer.from([0xff, 0x7b])),
      }
      await real.put({ queue: from }, [broken, noJson, messageOf({ key: 'k', n: 1 })])
      const seen: number[] = []
      const broker = amqp('broker')
      const engine = await running([
        flow('read')
          .from(broker.consume<Item>({ queue: from }))
          .map('seen', ({ n }: Item) => seen.push(n)),
      ])
      await until(async () => seen.length === 1 && (await dead(engine)).length === 2)
      const bodies = await Promise.all(
        (await dead(engine)).map(async ({ id }) => (await engine.admin.trace(id))?.message.body),
      )
      expect(bodies.map((body) => (body as { nth: number }).nth).toSorted()).toEqual([1, 2])
      expect(bodies).toContainEqual(
        expect.objectContaining({
          address: from,
          messageId: 'no-json',
          body: Buffer.from([0xff, 0x7b]).toString('base64'),
        }),
      )
      expect(await real.browse(from)).toEqual([])
    })

    it("what is rejected lands in the broker's own dead-letter queue, and what is around it does not", async () => {
      const bad: Message = { message_id: `bad-${from}`, body: rhea.message.data_section(Buffer.from('{')) }
      await real.put({ queue: from }, [messageOf({ key: 'k', n: 1 }), bad, messageOf({ key: 'k', n: 2 })])
      const seen: number[] = []
      const broker = amqp('broker')
      const engine = await running([
        flow('read')
          .from(broker.consume<Item>({ queue: from, unreadable: 'reject' }))
          .map('seen', ({ n }: Item) => seen.push(n)),
      ])
      const mine = async () =>
        (await real.browse(real.deadLetters)).filter((each) => String(each.message_id).includes(from))
      await until(async () => seen.length === 2 && (await mine()).length > 0)
      expect((await mine()).map((each) => each.message_id)).toEqual([`bad-${from}`])
      expect(await dead(engine)).toEqual([])
      expect(await real.browse(from)).toEqual([])
    })

    it('sends what JMS knows: group, correlation, reply address, properties, priority, expiry and delay', async () => {
      const broker = amqp('broker')
      const write = broker.send({
        name: 'write',
        queue: to,
        group: ({ key }: Item) => key,
        correlationId: ({ n }) => `answers-${n}`,
        replyTo: 'elsewhere',
        subject: () => 'item',
        properties: ({ n }) => ({ n, even: n % 2 === 0, name: 'ä' }),
        priority: 7,
        guarantee: 'natural',
      })
      const soon = broker.send({
        name: 'soon',
        queue: `${to}-soon`,
        expiresAfter: '400ms',
        guarantee: 'natural',
      })
      const late = broker.send({ name: 'late', queue: `${to}-late`, delay: '1500ms', guarantee: 'natural' })
      await real.put({ queue: from }, [messageOf({ key: 'k', n: 2 })])
      const engine = await running([
        flow('write')
          .from(broker.consume<Item>({ queue: from }))
          .to('write', write)
          .to('soon', soon, { input: () => ({}) })
          .to('late', late, { input: () => ({}) }),
      ])
      await until(async () => (await engine.admin.messages({ states: ['done'] })).items.length === 1)
      expect(await real.browse(`${to}-late`)).toEqual([])
      expect(await real.browse(to)).toMatchObject([
        {
          durable: true,
          priority: 7,
          group_id: 'k',
          correlation_id: 'answers-2',
          subject: 'item',
          content_type: 'application/json',
          application_properties: { n: 2, even: true, name: 'ä' },
        },
      ])
      expect((await real.browse(to))[0]?.reply_to).toMatch(/elsewhere$/)
      await until(async () => (await real.browse(`${to}-late`)).length === 1)
      // A consumer is never given what has expired.
      await pause(500)
      await real.put({ queue: `${to}-soon` }, [{ message_id: 'after', body: 'x' }])
      expect((await real.take(`${to}-soon`, 1))[0]?.message_id).toBe('after')
    })

    it.each(['a temporary queue', 'a queue that is there'])(
      'asks and gets the answer on %s',
      async (where) => {
        const broker = amqp('broker')
        const asking = { name: 'double', queue: to, guarantee: 'natural' } as const
        const double = broker.request<Item, { doubled: number }>(
          where === 'a temporary queue' ? asking : { ...asking, replyQueue: `${to}-replies` },
        )
        const answers: unknown[] = []
        const ask = flow('ask')
          .from(broker.consume<Item>({ queue: from }))
          .call('double', double)
          .map('seen', (answer) => answers.push(answer))
        const reply = broker.send({
          name: 'reply',
          address: ({ to: address }: { to: string; id: string; doubled: number }) => address,
          correlationId: ({ id }) => id,
          body: ({ doubled }) => ({ doubled }),
          guarantee: 'natural',
        })
        const answer = flow('answer')
          .from(broker.consume<Item>({ queue: to }))
          .map('double', ({ n }: Item, { headers }) => ({
            to: headers['amqp-reply-to'] ?? '',
            id: headers['amqp-correlation-id'] ?? '',
            doubled: 2 * n,
          }))
          .to('reply', reply)
        await running([ask, answer])
        await real.put({ queue: from }, items(5).map(messageOf))
        await until(() => answers.length === 5)
        expect(
          answers.map((each) => (each as { doubled: number }).doubled).toSorted((a, b) => a - b),
        ).toEqual([0, 2, 4, 6, 8])
      },
    )
  })
}
