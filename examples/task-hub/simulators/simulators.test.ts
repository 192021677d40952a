import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readWholeLog, type Timed } from '../lib/ndjson.ts'
import { FAULTS, type Fault, type SinkLine } from '../protocol.ts'
import { board } from './board.ts'
import { bugs } from './bugs.ts'
import { chat } from './chat.ts'
import { DEFAULT_RATES, type FaultRates, misbehave, scaleRates, seededOutages } from './faults.ts'
import { type SinkServer, serveSink } from './server.ts'
import type { Simulator } from './sink.ts'
import { subscribers } from './subscribers.ts'

let folder = ''
let servers: SinkServer[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simulators-'))
})

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()))
  servers = []
  rmSync(folder, { recursive: true })
})

const always = (fault: Fault): FaultRates => ({ ...scaleRates(DEFAULT_RATES, 0), [fault]: 1 })

async function serve(simulator: Simulator, rates = scaleRates(DEFAULT_RATES, 0)): Promise<string> {
  const server = await serveSink(simulator, { seed: 1, rates, log: logOf(simulator) })
  servers.push(server)
  return server.url
}

const logOf = (simulator: Simulator): string => join(folder, `${simulator.sink}.ndjson`)

async function linesOf(simulator: Simulator): Promise<Timed<SinkLine>[]> {
  return readWholeLog<SinkLine>(logOf(simulator))
}

function send(
  url: string,
  method: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })
}

const task = (version: number, title = 'A') => ({
  taskId: 'o/r#1',
  version,
  deliveryId: `d${version}`,
  title,
  state: 'open',
})

test('the board takes repetitions and newer versions, and answers older ones without applying', async () => {
  const simulator = board()
  const url = `${await serve(simulator)}/board/tasks/${encodeURIComponent('o/r#1')}`
  const answers = []
  for (const version of [1, 1, 3, 2]) answers.push(await (await send(url, 'PUT', task(version))).json())
  expect(answers).toEqual([
    { taskId: 'o/r#1', applied: true, version: 1 },
    { taskId: 'o/r#1', applied: true, version: 1 },
    { taskId: 'o/r#1', applied: true, version: 3 },
    { taskId: 'o/r#1', applied: false, version: 3 },
  ])
  expect(await (await fetch(url)).json()).toEqual(task(3))
  const effects = (await linesOf(simulator)).filter((line) => line.event === 'effect')
  expect(effects.map(({ version }) => version)).toEqual([1, 1, 3])
})

test('the bug tracker answers a repeated key from memory and refuses it with another body', async () => {
  const simulator = bugs()
  const url = `${await serve(simulator)}/bugs`
  const bug = { title: 'broken', repository: 'o/r', deliveryId: 'd1' }
  const key = { 'idempotency-key': 'k1' }
  const first = await send(url, 'POST', bug, key)
  const second = await send(url, 'POST', bug, key)
  expect([first.status, second.status]).toEqual([201, 201])
  expect(await second.json()).toEqual(await first.json())
  expect(second.headers.get('idempotent-replayed')).toBe('true')
  expect((await send(url, 'POST', { ...bug, title: 'other' }, key)).status).toBe(422)
  expect((await send(url, 'POST', bug)).status).toBe(400)
  expect((await linesOf(simulator)).filter((line) => line.event === 'effect')).toHaveLength(1)
})

test('a subscriber applies a repeated mark again, logs it, and can be asked', async () => {
  const simulator = subscribers(['billing'])
  const url = `${await serve(simulator)}/subscribers/billing/events`
  const mark = { 'x-event-id': 'm1' }
  expect(await (await fetch(`${url}?mark=m1`)).json()).toEqual({ mark: 'm1', applied: false, times: 0 })
  await send(url, 'POST', task(1), mark)
  expect(await (await fetch(`${url}?mark=m1`)).json()).toEqual({ mark: 'm1', applied: true, times: 1 })
  await send(url, 'POST', task(1), mark)
  const effects = (await linesOf(simulator)).filter((line) => line.event === 'effect')
  expect(effects.map(({ again }) => again)).toEqual([false, true])
  expect((await send(url.replace('billing', 'nobody'), 'POST', task(1), mark)).status).toBe(404)
})

test('the chat posts once per request and cannot be asked', async () => {
  const simulator = chat()
  const url = `${await serve(simulator)}/chat/messages`
  const message = { channel: 'dev', text: 'Released. [delivery d7]' }
  await send(url, 'POST', message)
  await send(url, 'POST', message)
  expect((await fetch(url)).status).toBe(405)
  const effects = (await linesOf(simulator)).filter((line) => line.event === 'effect')
  expect(effects.map(({ deliveryId }) => deliveryId)).toEqual(['d7', 'd7'])
})

const CASES: readonly [Fault, number | 'cut', boolean, boolean][] = [
  ['error-500', 500, false, true],
  ['error-503', 503, false, false],
  ['limit-429', 429, false, false],
  ['drop-before', 'cut', false, true],
  ['drop-after', 'cut', true, true],
  ['slow-before', 201, true, false],
  ['slow-after', 201, true, false],
  ['not-json', 200, true, true],
]

test.each(CASES)(
  '%s answers %s, applies: %s, leaves the outcome unknown: %s',
  async (fault, status, applied, unknown) => {
    const simulator = chat()
    const url = `${await serve(simulator, always(fault))}/chat/messages`
    const answer = await send(url, 'POST', { channel: 'dev', text: fault }).then(
      async (response) => ({ status: response.status, retryAfter: response.headers.get('retry-after') }),
      () => ({ status: 'cut' as const, retryAfter: null }),
    )
    expect(answer).toEqual({ status, retryAfter: status === 429 || status === 503 ? '1' : null })
    const lines = await linesOf(simulator)
    expect(lines.map(({ event }) => event)).toEqual(
      applied ? ['request', 'effect', 'reply'] : ['request', 'reply'],
    )
    const reply = lines.at(-1)
    expect(reply).toMatchObject({ event: 'reply', unknown, unknownOutcomes: unknown ? 1 : 0 })
  },
)

test('a hang applies, then answers nothing; the caller who gives up is counted once', async () => {
  const simulator = chat()
  const url = `${await serve(simulator, always('hang-after'))}/chat/messages`
  const body = JSON.stringify({ channel: 'dev', text: 'hello' })
  const controller = new AbortController()
  const answer = fetch(url, { method: 'POST', body, signal: controller.signal })
  while ((await linesOf(simulator).catch(() => [])).length < 3) await new Promise(setImmediate)
  controller.abort()
  await expect(answer).rejects.toThrow('abort')
  expect((await linesOf(simulator)).at(-1)).toMatchObject({
    event: 'reply',
    status: null,
    unknownOutcomes: 1,
  })
})

test('a body that is not JSON is refused with 400 and disturbed by nothing', async () => {
  const url = `${await serve(chat(), always('drop-before'))}/chat/messages`
  expect((await fetch(url, { method: 'POST', body: '{' })).status).toBe(400)
})

test('faults depend on seed, request and attempt only, and come at their rates', () => {
  const faultsOf = (seed: number): (Fault | null)[] =>
    Array.from({ length: 5000 }, (_, index) => misbehave(seed, 'chat', `m${index}`, 1, DEFAULT_RATES).fault)
  expect(faultsOf(1)).toEqual(faultsOf(1))
  expect(faultsOf(1)).not.toEqual(faultsOf(2))
  for (const fault of FAULTS) {
    const share = faultsOf(3).filter((each) => each === fault).length / 5000
    expect(share).toBeGreaterThan(DEFAULT_RATES[fault] * 0.4)
    expect(share).toBeLessThan(DEFAULT_RATES[fault] * 1.8)
  }
})

test('outages come after numbers of requests, and last a while and a number of refusals, but not for ever', () => {
  const run = (stepMs: number) => {
    const outages = seededOutages(5, 'board')
    const refused = Array.from({ length: 3000 }, (_, index) => outages.refuses(index * stepMs))
    const starts = refused.flatMap((each, index) => (each && !refused[index - 1] ? [index] : []))
    return starts.map((start) => ({ start, length: refused.indexOf(false, start) - start }))
  }
  const [quick] = run(1)
  expect(run(1)[0]).toEqual(quick)
  expect(quick?.start).toBeGreaterThanOrEqual(179)
  expect(quick?.length).toBeGreaterThanOrEqual(1000)
  expect(quick?.length).toBeLessThan(2000)
  // Slow requests: a hundred refusals at 25 ms each take longer than the shortest outage; at 100 ms the end comes first.
  expect(run(25)[0]?.length).toBe(100)
  expect(run(100)[0]?.length).toBe(50)
  expect(run(1).length).toBeGreaterThan(1)
})
