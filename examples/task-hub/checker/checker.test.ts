import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type Acceptance,
  type Ending,
  type Fault,
  type FeederLine,
  type RunnerLine,
  SINKS,
  type Sink,
  type SinkLine,
  SUBSCRIBERS,
} from '../protocol.ts'
import { readEvidence, readRun } from './evidence.ts'
import { expectationOf } from './expectations.ts'
import { type Judgement, judge } from './ledger.ts'
import { printJudgement } from './print.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'checker-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

type At<Line> = Line & { t: number }

/** Logs made by hand: a world that a test disturbs in one way before they are judged. */
function makeWorld() {
  const feeder: At<FeederLine>[] = [{ t: 0, event: 'start', seed: 4, messages: 6, hub: 'http://hub' }]
  const sinks: Record<Sink, At<SinkLine>[]> = { board: [], bugs: [], subscribers: [], chat: [] }
  const runner: At<RunnerLine>[] = [{ t: 0, event: 'start', seed: 4, messages: 6, unsafe: '' }]
  let now = 100
  let requests = 0
  const tick = (): number => {
    now += 10
    return now
  }
  const world = {
    ...{ feeder, sinks, runner, tick },
    accept: (given: Partial<Acceptance> & Pick<Acceptance, 'deliveryId' | 'githubEvent'>): void => {
      const defaults = { messageId: `m-${given.deliveryId}`, key: 'o/r#1', seq: 99, kind: 'normal' as const }
      const facts = {
        duplicate: false,
        action: null,
        conclusion: null,
        taskId: null,
        version: null,
        defect: null,
      }
      feeder.push({ t: tick(), event: 'attempt', deliveryId: given.deliveryId, kind: 'normal', attempt: 1 })
      feeder.push({ t: tick(), event: 'accepted', ...defaults, ...facts, ...given })
    },
    end: (deliveryId: string, state: Ending): void => {
      feeder.push({ t: tick(), event: 'ended', messageId: `m-${deliveryId}`, state })
    },
    request: (sink: Sink, deliveryId: string, fault: Fault | null = null): number => {
      requests += 1
      const facts = { method: 'POST', path: '/', attempt: 1 }
      sinks[sink].push({ t: tick(), event: 'request', request: requests, deliveryId, fault, ...facts })
      return requests
    },
    reply: (sink: Sink, request: number, status: number | null, note: string, unknown = false): void => {
      sinks[sink].push({ t: tick(), event: 'reply', request, status, unknown, unknownOutcomes: 0, note })
    },
    effect: (
      sink: Sink,
      request: number,
      deliveryId: string,
      more: { version?: number; digest?: string; subscriber?: string } = {},
    ): void => {
      const facts = { subscriber: null, mark: null, text: null, again: false, version: null, digest: 'same' }
      const taskId = sink === 'board' ? 'o/r#1' : null
      sinks[sink].push({ t: tick(), event: 'effect', request, deliveryId, taskId, ...facts, ...more })
    },
    apply: (
      sink: Sink,
      deliveryId: string,
      more: { version?: number; digest?: string; subscriber?: string } = {},
    ): void => {
      const request = world.request(sink, deliveryId)
      world.effect(sink, request, deliveryId, more)
      world.reply(sink, request, 200, 'applied')
    },
    applyToAll: (deliveryId: string): void => {
      for (const subscriber of SUBSCRIBERS) world.apply('subscribers', deliveryId, { subscriber })
    },
    drop: (sink: Sink, line: (each: SinkLine) => boolean): void => {
      sinks[sink].splice(sinks[sink].findIndex(line), 1)
    },
    resolve: (deliveryId: string, sentAgain: boolean, state: Ending | null = 'done'): void => {
      const messageId = `m-${deliveryId}`
      runner.push({ t: 99_000, event: 'resolved', messageId, deliveryId, sentAgain, at: tick(), state })
    },
    kill: (inFlight = 150): void => {
      runner.push({ t: tick(), event: 'kill', pid: 1, accepted: 200, ended: 50, inFlight })
    },
  }
  return world
}

type World = ReturnType<typeof makeWorld>

/** Six deliveries, one of each kind of fate, nothing wrong. */
function balancedWorld(): World {
  const world = makeWorld()
  const task = { githubEvent: 'issues', action: 'edited', taskId: 'o/r#1' }
  world.accept({ deliveryId: 'task1', ...task, version: 2 })
  world.accept({ deliveryId: 'task2', ...task, version: 1, kind: 'out-of-order' })
  world.accept({ deliveryId: 'star', githubEvent: 'star', action: 'created', key: 'o/r' })
  world.accept({
    deliveryId: 'check',
    githubEvent: 'check_run',
    action: 'completed',
    conclusion: 'failure',
    key: 'o/r',
  })
  world.accept({ deliveryId: 'release', githubEvent: 'release', action: 'published', key: 'o/r' })
  world.accept({
    deliveryId: 'bad',
    githubEvent: 'release',
    action: 'published',
    key: 'o/r',
    kind: 'planted',
    defect: 'x',
  })
  world.accept({ deliveryId: 'task1', ...task, version: 2, kind: 'duplicate', duplicate: true })
  world.apply('board', 'task1', { version: 2 })
  world.applyToAll('task1')
  world.reply('board', world.request('board', 'task2'), 200, 'stale')
  world.applyToAll('task2')
  world.apply('bugs', 'check')
  world.apply('chat', 'release')
  for (const id of ['task1', 'task2', 'check', 'release']) world.end(id, 'done')
  world.end('star', 'filtered')
  world.end('bad', 'dead')
  return world
}

async function judgeWorld(world: World, demands = { kills: 0, inFlight: 0 }): Promise<Judgement> {
  world.runner.push({ t: 99_999, event: 'finish', seconds: 12.5 })
  mkdirSync(folder, { recursive: true })
  const write = (name: string, lines: readonly object[]): void =>
    writeFileSync(join(folder, `${name}.ndjson`), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  write('feeder', world.feeder)
  write('runner', world.runner)
  for (const sink of SINKS) write(sink, world.sinks[sink])
  return judge(await readEvidence(folder), await readRun(folder), demands)
}

const rulesOf = ({ findings }: Judgement): string[] =>
  findings.map(({ rule, cases }) => `${rule}: ${cases.length}`)

test('a balanced world balances, with exactly the fields of the ledger', async () => {
  const judgement = await judgeWorld(balancedWorld())
  expect(rulesOf(judgement)).toEqual([])
  expect(judgement.balanced).toBe(true)
  expect(Object.entries(judgement.ledger)).toEqual([
    ['accepted', 6],
    ['done', 4],
    ['filtered', 1],
    ['dead', 1],
    ['inDoubt', 0],
    ['parked', 0],
    ['dropped', 0],
    ['lost', 0],
    ['doubled', 0],
    ['outOfOrder', 0],
    ['kills', 0],
    ['seed', 4],
    ['seconds', 12.5],
  ])
  expect(printJudgement(judgement)).toContain('The ledger balances.')
})

test('repeating at the board and answers from memory are harmless', async () => {
  const world = balancedWorld()
  world.apply('board', 'task1', { version: 2 })
  world.reply('bugs', world.request('bugs', 'check'), 201, 'repeated')
  expect(rulesOf(await judgeWorld(world))).toEqual([])
})

const VIOLATIONS: readonly [string, (world: World) => void, readonly string[]][] = [
  [
    'a message without an ending',
    (world) => {
      world.feeder.splice(
        world.feeder.findIndex((line) => line.event === 'ended' && line.messageId === 'm-star'),
        1,
      )
      world.feeder.push({ t: 9, event: 'missing', messageId: 'm-star', state: 'waiting' })
    },
    ['lost: 1'],
  ],
  ['done without its bug', (world) => world.sinks.bugs.splice(0), ['lost: 1']],
  ['done without its chat message', (world) => world.sinks.chat.splice(0), ['lost: 1']],
  [
    'one subscriber of three left out',
    (world) => world.drop('subscribers', (line) => line.event === 'effect' && line.subscriber === 'search'),
    ['lost: 1'],
  ],
  ['done without its task on the board', (world) => world.sinks.board.splice(0), ['lost: 2']],
  [
    'two deliveries under one message id',
    (world) => {
      world.feeder[0] = { t: 0, event: 'start', seed: 4, messages: 7, hub: '' }
      world.accept({ deliveryId: 'star2', githubEvent: 'star', key: 'o/r2', messageId: 'm-star' })
    },
    ['lost: 1'],
  ],
  ['a bug filed twice', (world) => world.apply('bugs', 'check'), ['doubled: 1']],
  [
    'an event sent twice',
    (world) => world.apply('subscribers', 'task1', { subscriber: 'billing' }),
    ['doubled: 1'],
  ],
  ['a chat message posted twice', (world) => world.apply('chat', 'release'), ['doubled: 1']],
  [
    'a version with other content by repetition',
    (world) => world.apply('board', 'task1', { version: 2, digest: 'other' }),
    ['doubled: 1'],
  ],
  [
    'a task put back to an older version',
    (world) => world.apply('board', 'task2', { version: 1 }),
    ['doubled: 1'],
  ],
  [
    'two events of a key in the wrong order at one subscriber',
    (world) => {
      const lines = world.sinks.subscribers.splice(0)
      const first = lines
        .filter((line) => line.event === 'request' && line.deliveryId === 'task1')
        .map(({ t }) => t)
      expect(first).toHaveLength(SUBSCRIBERS.length)
      for (const name of SUBSCRIBERS.slice(1)) world.apply('subscribers', 'task1', { subscriber: name })
      world.applyToAll('task2')
      world.apply('subscribers', 'task1', { subscriber: SUBSCRIBERS[0] })
    },
    ['out of order: 1'],
  ],
  [
    'two tasks in the wrong order at the board',
    (world) => {
      world.sinks.board.splice(0)
      world.apply('board', 'task2', { version: 1 })
      world.apply('board', 'task1', { version: 2 })
    },
    ['out of order: 1'],
  ],
  [
    'a planted delivery that was processed',
    (world) => {
      const line = world.feeder.find((each) => each.event === 'ended' && each.messageId === 'm-bad')
      Object.assign(line ?? {}, { state: 'done' })
    },
    ['planted, but not a dead letter: 1'],
  ],
  [
    'a dead letter that was not planted',
    (world) => {
      const line = world.feeder.find((each) => each.event === 'ended' && each.messageId === 'm-check')
      Object.assign(line ?? {}, { state: 'dead' })
    },
    ['a dead letter, but not planted: 1'],
  ],
  [
    'filtered instead of done',
    (world) => {
      world.sinks.bugs.splice(0)
      const line = world.feeder.find((each) => each.event === 'ended' && each.messageId === 'm-check')
      Object.assign(line ?? {}, { state: 'filtered' })
    },
    ['lost: 1', 'another ending than its event must have: 1'],
  ],
  ['an effect of a planted delivery', (world) => world.apply('chat', 'bad'), ['stray effect: 1']],
  ['an effect of nothing that was accepted', (world) => world.apply('bugs', 'ghost'), ['stray effect: 1']],
  [
    'a redelivery accepted as a new message',
    (world) => {
      const task = { githubEvent: 'issues', action: 'edited', taskId: 'o/r#1', version: 2 }
      world.accept({ deliveryId: 'task1', ...task, kind: 'duplicate', messageId: 'm-again' })
      world.feeder.push({ t: 9999, event: 'ended', messageId: 'm-again', state: 'done' })
      world.applyToAll('task1')
    },
    ['doubled: 3', 'one delivery accepted as several messages: 1'],
  ],
  [
    'a delivery refused',
    (world) => world.feeder.push({ t: 1, event: 'refused', deliveryId: 'x', status: 401, body: '' }),
    ['refused: 1'],
  ],
  [
    'fewer deliveries than planned',
    (world) => {
      world.feeder[0] = { t: 0, event: 'start', seed: 4, messages: 8, hub: '' }
    },
    ['not all deliveries were accepted: 1'],
  ],
]

test.each(VIOLATIONS)('%s is seen', async (_name, disturb, rules) => {
  const world = balancedWorld()
  disturb(world)
  const judgement = await judgeWorld(world)
  expect(rulesOf(judgement)).toEqual(rules)
  expect(judgement.balanced).toBe(false)
})

function inDoubt(world: World, deliveryId: string): void {
  const line = world.feeder.find((each) => each.event === 'ended' && each.messageId === `m-${deliveryId}`)
  Object.assign(line ?? {}, { state: 'inDoubt' })
}

/** The chat has the release's message, but its answer was lost. */
function doubtfulWorld(): World {
  const world = balancedWorld()
  world.sinks.chat.splice(0)
  const request = world.request('chat', 'release', 'drop-after')
  world.effect('chat', request, 'release')
  world.reply('chat', request, null, 'drop-after', true)
  inDoubt(world, 'release')
  return world
}

test('in doubt is in order when the chat left the outcome unknown', async () => {
  const judgement = await judgeWorld(doubtfulWorld())
  expect(rulesOf(judgement)).toEqual([])
  expect(judgement.unknownOutcomes).toEqual({ atChat: 1, byKills: 0 })
  expect(judgement.ledger).toMatchObject({ accepted: 6, done: 3, inDoubt: 1 })
})

test('a doubt that was resolved as applied counts as it ended then', async () => {
  const world = doubtfulWorld()
  world.resolve('release', false)
  const judgement = await judgeWorld(world)
  expect(rulesOf(judgement)).toEqual([])
  expect(judgement.ledger).toMatchObject({ accepted: 6, done: 4, inDoubt: 0 })
  expect(judgement.resolved).toEqual({ asApplied: 1, sentAgain: 0 })
})

test('a doubt that was resolved and did not end, or without its effect, is lost', async () => {
  const endless = doubtfulWorld()
  endless.resolve('release', true, null)
  expect(rulesOf(await judgeWorld(endless))).toEqual(['lost: 1'])
  const without = doubtfulWorld()
  without.sinks.chat.splice(0)
  without.reply('chat', without.request('chat', 'release', 'drop-before'), null, 'drop-before', true)
  without.resolve('release', true)
  expect(rulesOf(await judgeWorld(without))).toEqual(['lost: 1'])
})

test('what was sent again explains no doubt that came before', async () => {
  const world = balancedWorld()
  world.sinks.chat.splice(0)
  world.apply('chat', 'release')
  inDoubt(world, 'release')
  world.resolve('release', true)
  world.reply('chat', world.request('chat', 'release', 'drop-after'), null, 'drop-after', true)
  expect(rulesOf(await judgeWorld(world))).toEqual(['in doubt although its outcome was known: 1'])
})

test('to resolve what was not in doubt allows nothing', async () => {
  const world = balancedWorld()
  world.resolve('release', true)
  world.apply('chat', 'release')
  expect(rulesOf(await judgeWorld(world))).toEqual(['doubled: 1', 'resolved although it was not in doubt: 1'])
})

test('in doubt although the chat gave a clear answer and nobody was killed is seen', async () => {
  const world = balancedWorld()
  inDoubt(world, 'release')
  expect(rulesOf(await judgeWorld(world))).toEqual(['in doubt although its outcome was known: 1'])
})

test('in doubt is in order when a kill followed the answer, or came before any request', async () => {
  const answered = balancedWorld()
  inDoubt(answered, 'release')
  answered.kill()
  expect((await judgeWorld(answered)).unknownOutcomes).toEqual({ atChat: 0, byKills: 1 })
  const never = balancedWorld()
  never.sinks.chat.splice(0)
  inDoubt(never, 'release')
  never.kill()
  expect(rulesOf(await judgeWorld(never))).toEqual([])
})

test('a kill long after the answer, or before the delivery, explains no doubt', async () => {
  for (const t of [60_000, 1]) {
    const world = balancedWorld()
    inDoubt(world, 'release')
    world.runner.push({ t, event: 'kill', pid: 1, accepted: 1, ended: 0, inFlight: 1 })
    expect(rulesOf(await judgeWorld(world))).toEqual(['in doubt although its outcome was known: 1'])
  }
})

test('in doubt elsewhere than at the chat is seen', async () => {
  const world = balancedWorld()
  inDoubt(world, 'check')
  expect(rulesOf(await judgeWorld(world))).toEqual(['in doubt elsewhere than at the chat: 1'])
})

test('a doubt that was resolved by sending again allows one repetition at the chat, and no more', async () => {
  const world = doubtfulWorld()
  world.resolve('release', true)
  world.apply('chat', 'release')
  expect(rulesOf(await judgeWorld(world))).toEqual([])
  world.apply('chat', 'release')
  expect(rulesOf(await judgeWorld(world))).toEqual(['doubled: 1'])
})

test('a request that takes effect after its caller was killed counts from its effect', async () => {
  const world = balancedWorld()
  world.sinks.board.splice(0)
  const late = world.request('board', 'task2', 'slow-before')
  world.sinks.board.push({ t: world.tick(), event: 'gone', request: late, unknownOutcomes: 1 })
  world.apply('board', 'task1', { version: 2 })
  world.reply('board', late, 200, 'stale')
  expect(rulesOf(await judgeWorld(world))).toEqual([])
})

test('too few kills, and kills of an idle hub, are seen', async () => {
  const world = balancedWorld()
  world.kill(150)
  world.kill(30)
  expect(rulesOf(await judgeWorld(world, { kills: 10, inFlight: 100 }))).toEqual([
    'fewer kills than demanded: 1',
    'killed with fewer than 100 messages in flight: 1',
  ])
})

test('a damaged log is refused with its place', async () => {
  const world = balancedWorld()
  await judgeWorld(world)
  writeFileSync(join(folder, 'chat.ndjson'), '{"t":1,"event":"requ')
  await expect(readEvidence(folder)).rejects.toThrow(/chat\.ndjson:1 is not a JSON line/)
})

test('assignments go to board, subscribers and chat; only failed checks make bugs', () => {
  const facts = { messageId: '', deliveryId: '', key: '', seq: 0, kind: 'normal' as const, duplicate: false }
  const rest = { taskId: null, version: null, defect: null, conclusion: null }
  const sinksOf = (githubEvent: string, action: string | null, conclusion: string | null = null) =>
    expectationOf({ ...facts, ...rest, githubEvent, action, conclusion }).sinks
  expect(sinksOf('issues', 'assigned')).toEqual(['board', 'subscribers', 'chat'])
  expect(sinksOf('release', 'created')).toEqual([])
  expect(sinksOf('workflow_run', 'completed', 'timed_out')).toEqual(['bugs'])
  expect(sinksOf('workflow_run', 'requested', 'failure')).toEqual([])
  expect(sinksOf('check_suite', 'completed', 'success')).toEqual([])
})
