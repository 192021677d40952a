import { Pool } from 'undici'
import { expect, test } from 'vitest'
import type { LineLog } from '../lib/ndjson.ts'
import type { FeederLine } from '../protocol.ts'
import { DEFECTS } from './defects.ts'
import { feedAll } from './feed.ts'
import { loadTemplates } from './payloads.ts'
import { type Delivery, planDeliveries, renderBody } from './plan.ts'
import { type PostOutcome, postWebhook, signatureOf } from './post.ts'
import { awaitEndings } from './settle.ts'

const TEMPLATES = loadTemplates()

function planAll(seed: number, messages: number): Delivery[] {
  const plan = planDeliveries(TEMPLATES, { seed, messages })
  const planned: Delivery[] = []
  for (let batch = plan.next(); batch !== null; batch = plan.next()) planned.push(...batch)
  return planned
}

function memoryLog(): { log: LineLog<FeederLine>; lines: FeederLine[] } {
  const lines: FeederLine[] = []
  return { lines, log: { write: (line) => lines.push(line), close: () => undefined } }
}

test('every payload of the package is used before any is repeated', () => {
  const first = planAll(5, TEMPLATES.length).filter(({ kind }) => kind !== 'duplicate')
  expect(new Set(first.map(({ template }) => template)).size).toBe(TEMPLATES.length)
  expect(TEMPLATES.length).toBeGreaterThan(700)
})

test('a plan has exactly the distinct deliveries asked for, of every kind, and depends on the seed only', () => {
  const planned = planAll(7, 2500)
  const distinct = planned.filter(({ kind }) => kind !== 'duplicate')
  expect(distinct).toHaveLength(2500)
  expect(new Set(distinct.map(({ deliveryId }) => deliveryId)).size).toBe(2500)
  const counts = Object.fromEntries(
    Map.groupBy(planned, ({ kind }) => kind)
      .entries()
      .map(([kind, { length }]) => [kind, length]),
  )
  expect(counts['duplicate']).toBeGreaterThan(60)
  expect(counts['out-of-order']).toBeGreaterThan(5)
  expect(counts['planted']).toBeGreaterThan(10)
  expect(planAll(7, 2500)).toEqual(planned)
  expect(planAll(8, 2500)).not.toEqual(planned)
})

test('a duplicate comes after its original and has the same body', () => {
  const planned = planAll(3, 800)
  for (const [index, delivery] of planned.entries()) {
    if (delivery.kind !== 'duplicate') continue
    const original = planned.findIndex(({ deliveryId }) => deliveryId === delivery.deliveryId)
    expect(original).toBeLessThan(index)
    expect(renderBody(delivery)).toBe(renderBody(planned[original] as Delivery))
  }
})

test('versions of a task rise, but for those sent out of order', () => {
  const distinct = planAll(11, 3000).filter(({ kind, taskId }) => kind !== 'duplicate' && taskId !== null)
  for (const list of Map.groupBy(distinct, ({ taskId }) => taskId).values()) {
    const falls = list.filter(({ version }, index) => index > 0 && version! < list[index - 1]!.version!)
    expect(falls.every(({ kind }) => kind === 'out-of-order')).toBe(true)
    expect(new Set(list.map(({ version }) => version)).size).toBe(list.length)
  }
})

test('a rendered body carries its fresh names, version and defect', () => {
  const planned = planAll(13, 4000)
  for (const delivery of planned.slice(0, 300)) {
    const body = JSON.parse(renderBody(delivery))
    if (body.repository) expect(delivery.key.startsWith(body.repository.full_name)).toBe(true)
    if (delivery.taskId && delivery.defect === null) {
      const part = body.issue ?? body.pull_request
      expect(Date.parse(part.updated_at)).toBe(delivery.version)
      expect(`${body.repository.full_name}#${part.number}`).toBe(delivery.key)
    }
  }
  const used = new Set(planned.map(({ defect }) => defect?.name).filter(Boolean))
  expect(used.size).toBeGreaterThan(DEFECTS.length / 2)
  const bad = planned.find(({ defect }) => defect?.name === 'issue title is a number')
  expect(JSON.parse(renderBody(bad as Delivery)).issue.title).toBe(42)
})

test("the signature is GitHub's own example", () => {
  expect(signatureOf("It's a Secret to Everybody", 'Hello, World!')).toBe(
    'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  )
})

test('a delivery is made again under its id until it is acknowledged, and its key waits for it', async () => {
  const { log, lines } = memoryLog()
  const open = new Map<string, number>()
  let failures = 0
  await feedAll({
    plan: planDeliveries(TEMPLATES, { seed: 17, messages: 300 }),
    ...{ connections: 16, rate: null, log, signal: new AbortController().signal },
    post: async (delivery): Promise<PostOutcome> => {
      open.set(delivery.key, (open.get(delivery.key) ?? 0) + 1)
      expect(open.get(delivery.key)).toBe(1)
      await new Promise(setImmediate)
      open.set(delivery.key, 0)
      failures += 1
      if (failures % 9 === 0) return { kind: 'failed', reason: 'ECONNRESET', retryAfterMs: 0 }
      return {
        kind: 'accepted',
        messageId: `m-${delivery.deliveryId}`,
        duplicate: delivery.kind === 'duplicate',
      }
    },
    onAccepted: () => undefined,
  })
  const accepted = lines.filter((line) => line.event === 'accepted')
  expect(new Set(accepted.map(({ messageId }) => messageId)).size).toBe(300)
  expect(lines.filter((line) => line.event === 'failed').length).toBeGreaterThan(20)
  for (const list of Map.groupBy(
    accepted.filter(({ kind }) => kind !== 'duplicate'),
    ({ key }) => key,
  ).values()) {
    expect(list.map(({ seq }) => seq)).toEqual(list.map((_, index) => index))
  }
})

test('a refused delivery is logged with its answer and not repeated', async () => {
  const { log, lines } = memoryLog()
  await feedAll({
    plan: planDeliveries(TEMPLATES, {
      seed: 1,
      messages: 5,
      rates: { duplicate: 0, outOfOrder: 0, planted: 0 },
    }),
    ...{ connections: 2, rate: null, log, signal: new AbortController().signal },
    post: async () => ({ kind: 'refused', status: 401, body: 'wrong signature' }),
    onAccepted: () => expect.unreachable(),
  })
  expect(lines.filter((line) => line.event === 'refused')).toHaveLength(5)
})

test('a hub that is down is an outcome, not an exception', async () => {
  const pool = new Pool('http://127.0.0.1:9')
  const outcome = await postWebhook(pool, 's', { deliveryId: 'd', githubEvent: 'ping', body: '{}' })
  expect(outcome).toMatchObject({ kind: 'failed' })
  await pool.destroy()
})

test('endings are asked for until all are there; what the hub denies for good is missing', async () => {
  const { log, lines } = memoryLog()
  const asked = new Map<string, number>()
  const result = await awaitEndings({
    messageIds: new Set(['a', 'b', 'lost']),
    ...{ connections: 2, limitMs: 10_000, pauseMs: 0, log, signal: new AbortController().signal },
    stateOf: async (id) => {
      asked.set(id, (asked.get(id) ?? 0) + 1)
      if (id === 'lost') return 'unknown'
      if (id === 'b' && asked.get(id) === 1) return 'waiting'
      return id === 'b' && asked.get(id) === 2 ? null : 'done'
    },
    onEnded: () => undefined,
  })
  expect(result).toEqual({ ended: 2, missing: 1 })
  expect(lines).toEqual([
    { event: 'ended', messageId: 'a', state: 'done' },
    { event: 'ended', messageId: 'b', state: 'done' },
    { event: 'missing', messageId: 'lost', state: 'unknown' },
  ])
})
