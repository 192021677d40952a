import { expect, test } from 'vitest'
import type { ClusterMember, ClusterView, MessageQuery, MessageSummary, TraceStep } from '../../index.ts'
import { LinkspanError, storeError } from '../../model/errors.ts'
import { counts, fakeCli, flowStatus, NOW, summary, trace } from '../fixtures/fake-cli.ts'
import { projectFolder } from '../fixtures/temp-folder.ts'

const error = storeError(new LinkspanError('CALL_REJECTED', 'The tracker answered 422.'))

/** Pages of two over a list, as an engine would answer them. */
function paged(all: readonly MessageSummary[], size = 2) {
  return async (query: MessageQuery) => {
    const from = query.after === undefined ? 0 : Number(query.after)
    const count = Math.min(size, query.limit ?? size)
    const items = all.slice(from, from + count)
    return { items, next: from + count < all.length ? String(from + count) : null }
  }
}

const all = [
  summary('3-cccccccccccc', {
    state: 'waiting',
    reason: 'retry',
    wakeAt: NOW + 30_000,
    attempt: 2,
    endedAt: null,
    error,
  }),
  summary('2-bbbbbbbbbbbb', { state: 'dead', key: null, error }),
  summary('1-aaaaaaaaaaaa'),
]

test('messages prints a table', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { messages: paged(all) } })
  expect(await cli.run('messages')).toBe(0)
  expect(cli.stdout()).toMatchInlineSnapshot(`
    "ID              FLOW   KEY  STATE    ACCEPTED              ATTEMPT  DETAIL
    3-cccccccccccc  hello  Ada  waiting  2026-11-21T06:29:00Z        2  retry in 30s, CALL_REJECTED: The tracker answered 422.
    2-bbbbbbbbbbbb  hello       dead     2026-11-21T06:29:00Z        1  CALL_REJECTED: The tracker answered 422.
    1-aaaaaaaaaaaa  hello  Ada  done     2026-11-21T06:29:00Z        1
    "
  `)
  expect(cli.stderr()).toBe('')
})

test('messages passes its options on as a query', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { messages: paged([]) } })
  const args = [
    '--flow',
    'hello',
    '--key',
    'Ada',
    '--state',
    'dead,in-doubt',
    '--since',
    '2h',
    '--until',
    '1h',
    '--index',
    'pr=4',
    '--index',
    'repo=a=b',
    '--children',
    '--oldest',
    '--limit',
    '7',
    '--after',
    '9',
  ]
  expect(await cli.run('messages', ...args)).toBe(0)
  expect(cli.calls.at(-1)?.args).toEqual([
    {
      flow: 'hello',
      key: 'Ada',
      states: ['dead', 'inDoubt'],
      since: NOW - 7_200_000,
      until: NOW - 3_600_000,
      index: { pr: '4', repo: 'a=b' },
      children: true,
      order: 'oldest',
      limit: 7,
      after: '9',
    },
  ])
  expect(cli.stderr()).toBe('No message fits.\n')
})

test('messages goes over pages up to its limit and says where to go on', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { messages: paged(all, 1) } })
  expect(await cli.run('messages', '--limit', '2', '--json')).toBe(0)
  const lines = cli
    .stdout()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as MessageSummary)
  expect(lines.map(({ id }) => id)).toEqual(['3-cccccccccccc', '2-bbbbbbbbbbbb'])
  cli.stderr()
  await cli.run('messages', '--limit', '2')
  expect(cli.stderr()).toBe('There are more: add --after 2, or a higher --limit.\n')
})

test('messages --json says on stderr where to go on, so that a program can page', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { messages: paged(all, 1) } })
  await cli.run('messages', '--limit', '2', '--json')
  expect(JSON.parse(cli.stderr())).toEqual({ next: '2' })
  await cli.run('messages', '--json')
  expect(cli.stderr()).toBe('')
})

test('messages refuses what cannot be asked at once, or is no cursor, as wrong use', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { messages: paged(all, 1) } })
  expect(await cli.run('messages', '--state', 'dead,waiting')).toBe(2)
  expect(cli.stderr()).toContain('--state')
  expect(await cli.run('messages', '--after', '2-bbbbbbbbbbbb')).toBe(2)
  expect(cli.stderr()).toContain('2-bbbbbbbbbbbb')
  expect(cli.calls.filter(({ name }) => name === 'admin.messages')).toEqual([])
})

test('flows list shows counts and trouble', async () => {
  const flows = async () => [
    flowStatus('hello', { messages: counts({ done: 12, dead: 1 }), oldest: NOW - 90_000 }),
    flowStatus('mail', { paused: true, source: { state: 'failing', error } }),
  ]
  const cli = fakeCli({ directory: projectFolder(), admin: { flows } })
  expect(await cli.run('flows', 'list')).toBe(0)
  expect(cli.stdout()).toMatchInlineSnapshot(`
    "FLOW   SOURCE   ACTIVE  WAITING  DONE  FILTERED  DEAD  IN DOUBT  PARKED  DROPPED  OLDEST      DETAIL
    hello  running       0        0    12         0     1         0       0        0  1m 30s ago
    mail   paused        0        0     0         0     0         0       0        0              The tracker answered 422.
    "
  `)
  await cli.run('flows', 'list', '--json')
  expect(
    cli
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { name: string }).name),
  ).toEqual(['hello', 'mail'])
})

test('keys list shows what holds them', async () => {
  const keys = async () => [
    {
      flow: 'hello',
      key: 'Ada',
      by: '3-cccccccccccc',
      reason: 'retry' as const,
      wakeAt: NOW + 1_000,
      attempt: 3,
      error,
      behind: 7,
    },
  ]
  const cli = fakeCli({ directory: projectFolder(), admin: { keys } })
  expect(await cli.run('keys', 'list', '--flow', 'hello', '--limit', '5')).toBe(0)
  expect(cli.calls.at(-1)?.args).toEqual(['hello', 5])
  expect(cli.stdout()).toContain(
    'hello  Ada  3-cccccccccccc  retry in 1s        3       7  CALL_REJECTED: The tracker answered 422.',
  )
  await cli.run('keys', 'list')
  expect(cli.calls.at(-1)?.args).toEqual([null, 50])
})

const whole = trace(
  '2-bbbbbbbbbbbb',
  {
    steps: [
      {
        path: 'greeting',
        kind: 'map',
        input: { name: 'Ada' },
        output: { text: 'Hello Ada' },
        outcome: 'done',
        at: null,
        durationMs: null,
        attempts: [],
        guarantee: null,
      },
      {
        path: 'items',
        kind: 'split',
        input: null,
        output: null,
        outcome: 'done',
        at: NOW,
        durationMs: 3,
        attempts: [],
        guarantee: null,
      },
      {
        path: 'items/filter',
        kind: 'filter',
        input: 1,
        output: null,
        outcome: 'filtered',
        at: null,
        durationMs: null,
        attempts: [],
        guarantee: null,
      },
      {
        path: 'keep',
        kind: 'to',
        input: { text: 'Hello Ada' },
        output: null,
        outcome: 'failed',
        at: NOW,
        durationMs: 1_500,
        guarantee: 'verify',
        attempts: [
          {
            at: NOW - 2_000,
            outcome: 'unknown',
            mark: 'm1',
            durationMs: 30_000,
            request: { a: 1 },
            result: null,
            error: null,
          },
          { at: NOW, outcome: 'failed', mark: 'm1', durationMs: 12, request: { a: 1 }, result: null, error },
        ],
      },
    ],
    notes: [{ at: NOW, what: 'redelivered', note: 'tracker is back' }],
    children: [summary('2-bbbbbbbbbbbb~items.0', { state: 'filtered' })],
    parent: '1-aaaaaaaaaaaa',
  },
  { state: 'dead', error },
)

test('trace is a readable tree', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { trace: async () => whole } })
  expect(await cli.run('trace', '2-bbbbbbbbbbbb')).toBe(0)
  expect(cli.stdout()).toMatchInlineSnapshot(`
    "2-bbbbbbbbbbbb  hello  dead
    accepted 2026-11-21T06:29:00Z, ended 2026-11-21T06:29:01Z after 1s
    key      Ada
    parent   1-aaaaaaaaaaaa
    attempt  1, code version c0ffee
    error    CALL_REJECTED: The tracker answered 422.
    body     {"name":"Ada"}
    ├─ greeting  map  done
    │    - /name "Ada"
    │    + /text "Hello Ada"
    ├─ items  split  done  3ms  2026-11-21T06:30:00Z
    │  └─ items/filter  filter  filtered
    └─ keep  to  failed  guarantee verify  2 attempts  2s  2026-11-21T06:30:00Z
         2026-11-21T06:29:58Z  unknown  30s
           → {"a":1}
           mark m1
         2026-11-21T06:30:00Z  failed  12ms
           → {"a":1}
           mark m1
           CALL_REJECTED: The tracker answered 422.
    2026-11-21T06:30:00Z  redelivered: tracker is back
    1 child
      2-bbbbbbbbbbbb~items.0  filtered
    "
  `)
  await cli.run('trace', '2-bbbbbbbbbbbb', '--json')
  expect(JSON.parse(cli.stdout())).toEqual(whole)
})

test('the record of a call that was begun is no attempt of its own once its outcome follows', async () => {
  const attempt = { mark: 'm', durationMs: 1, request: { a: 1 }, result: null, error: null }
  const begun = { ...attempt, at: NOW, outcome: 'sent' as const, durationMs: null }
  const step = (attempts: TraceStep['attempts']): TraceStep => ({
    path: 'keep',
    kind: 'to',
    input: null,
    output: null,
    outcome: 'done',
    at: NOW,
    durationMs: 1,
    attempts,
    guarantee: 'verify',
  })
  const done = { ...attempt, at: NOW, outcome: 'done' as const }
  const cli = fakeCli({
    directory: projectFolder(),
    admin: {
      trace: async (id) => trace(id, { steps: [step(id === 'ended' ? [begun, done] : [begun])] }),
    },
  })
  await cli.run('trace', 'ended')
  expect(cli.stdout()).not.toMatch(/attempts|sent/)
  await cli.run('trace', 'under-way')
  expect(cli.stdout()).toContain('→ {"a":1}\n     mark m')
})

test('a trace is cut to the terminal, unless it shall be full', async () => {
  const long = trace('1-aaaaaaaaaaaa', {}, { body: { text: 'x'.repeat(500) } })
  const cli = fakeCli({
    directory: projectFolder(),
    admin: { trace: async () => long },
    tty: true,
    columns: 60,
  })
  await cli.run('trace', '1-aaaaaaaaaaaa')
  expect(
    cli
      .stdout()
      .split('\n')
      .find((line) => line.startsWith('body')),
  ).toHaveLength(60)
  await cli.run('trace', '1-aaaaaaaaaaaa', '--full')
  expect(cli.stdout()).toContain('x'.repeat(500))
})

test('a lost body and an unfinished recomputation are said', async () => {
  const lost = trace(
    '1-aaaaaaaaaaaa',
    { unfinished: error, reply: { ok: true } },
    { body: null, bodyLost: true },
  )
  const cli = fakeCli({ directory: projectFolder(), admin: { trace: async () => lost } })
  await cli.run('trace', '1-aaaaaaaaaaaa')
  const text = cli.stdout()
  expect(text).toContain('body     lost: its record is damaged or pruned')
  expect(text).toContain(
    'The steps could not be recomputed further: CALL_REJECTED: The tracker answered 422.',
  )
  expect(text).toContain('reply  {"ok":true}')
})

test('an unknown message is a negative answer', async () => {
  const fail = async () => {
    throw new LinkspanError('MESSAGE_UNKNOWN', '"x" is not a message id.')
  }
  const cli = fakeCli({ directory: projectFolder(), admin: { trace: fail } })
  expect(await cli.run('trace', 'x')).toBe(1)
  expect(cli.stderr()).toBe('error: "x" is not a message id.\n')
})

test('journal stats prints numbers for people and for programs', async () => {
  const cli = fakeCli({
    directory: projectFolder(),
    admin: { stats: async () => ({ messages: 12_345, file: 'data/journal.db' }) },
  })
  expect(await cli.run('journal', 'stats')).toBe(0)
  expect(cli.stdout()).toContain('messages  12,345\n')
  await cli.run('journal', 'stats', '--json')
  expect(JSON.parse(cli.stdout())).toEqual({ messages: 12_345, file: 'data/journal.db' })
})

test('journal verify exits with 1 when something is damaged', async () => {
  const sound = fakeCli({ directory: projectFolder(), admin: { verify: async () => [] } })
  expect(await sound.run('journal', 'verify')).toBe(0)
  expect(sound.stderr()).toBe('The journal is sound.\n')
  const damaged = fakeCli({
    directory: projectFolder(),
    admin: { verify: async () => [{ where: 'message 7', what: 'checksum differs' }] },
  })
  expect(await damaged.run('journal', 'verify')).toBe(1)
  expect(damaged.stdout()).toContain('message 7  checksum differs')
  expect(damaged.stderr()).toContain('1 place damaged')
})

test('journal backup takes the path from here, and needs an engine or a reader that can', async () => {
  const directory = projectFolder()
  const cli = fakeCli({ directory, admin: { backup: async () => {} } })
  expect(await cli.run('journal', 'backup', 'b.db')).toBe(0)
  expect(cli.calls.at(-1)?.args[0]).toBe(`${directory}/b.db`)
  const stopped = fakeCli({ directory, running: null })
  expect(await stopped.run('journal', 'backup', 'b.db')).toBe(1)
  expect(stopped.stderr()).toContain('The engine is stopped')
  const able = fakeCli({ directory, running: null, reader: { backup: async () => {} } })
  expect(await able.run('journal', 'backup', 'b.db')).toBe(0)
})

const member = (number: number, more: Partial<ClusterMember> = {}): ClusterMember => ({
  member: number,
  name: `process ${number} on host-${number}`,
  since: NOW - 60_000,
  leaseUntil: NOW + 10_000,
  state: 'live',
  self: false,
  partitions: [],
  flows: { orders: 'v1' },
  ...more,
})

test('cluster shows who owns what, and what waits there', async () => {
  const survey: ClusterView = {
    now: NOW,
    members: [
      member(4, { partitions: [0, 1], self: true }),
      member(5, { partitions: [2] }),
      member(3, { state: 'dead' }),
    ],
    partitions: [
      { partition: 0, owner: 4, waiting: 2, oldest: NOW - 5_000 },
      { partition: 1, owner: 4, waiting: 3, oldest: NOW - 9_000 },
      { partition: 2, owner: 5, waiting: 0, oldest: null },
      { partition: 3, owner: null, waiting: 7, oldest: NOW - 20_000 },
    ],
    loans: [],
  }
  const cli = fakeCli({ directory: projectFolder(), admin: { cluster: async () => survey } })
  expect(await cli.run('cluster')).toBe(0)
  const [, first, second, third] = cli.stdout().split('\n')
  expect(first).toMatch(/4 \* +process 4 on host-4 +live +right .* 2 +5 +/)
  expect(second).toMatch(/5 +process 5 on host-5 +live .* 1 +0/)
  expect(third).toMatch(/3 +process 3 on host-3 +dead .* 0 +0/)
  expect(cli.stderr()).toBe(
    '1 of 4 partitions have no owner just now; 7 messages wait there until an engine takes them.\n',
  )
  await cli.run('cluster', '--json')
  expect(JSON.parse(cli.stdout())).toEqual(survey)
})

test('cluster says where a flow is missing, where it runs in two versions, and whose clock is wrong', async () => {
  const members = [
    member(1, { flows: { orders: 'v1', invoices: 'v1', sales: 'v1' }, formerNames: { deals: 'sales' } }),
    member(2, { flows: { orders: 'v2', deals: 'v1' }, clockAheadMs: 30 * 86_400_000 }),
    member(3, { state: 'dead', flows: { old: 'v1' } }),
  ]
  const survey = { now: NOW, members, partitions: [], loans: [{ flow: 'invoices', to: 1, count: 2 }] }
  const cli = fakeCli({ directory: projectFolder(), admin: { cluster: async () => survey } })
  await cli.run('cluster')
  expect(cli.stderr()).toBe(
    'The flow orders runs in 2 versions.\n' +
      'The flow invoices is not deployed on process 2 on host-2: what lies in their partitions is lent to engines that have it.\n' +
      'process 1 on host-1 (member 1) runs 2 messages of the flow invoices for the owners of their partitions.\n' +
      "The clock of process 2 on host-2 is 30d ahead of the journal's, which it goes by instead. Set it right.\n",
  )
})
