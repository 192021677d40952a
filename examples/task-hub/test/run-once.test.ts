import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Judgement } from '../checker/ledger.ts'
import { momentsOf } from '../runner/kills.ts'
import { runOnce } from '../runner/once.ts'
import { type RunOptions, readOptions } from '../runner/options.ts'

const HUB = join(import.meta.dirname, 'stand-in-hub.ts')
const folders: string[] = []

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

// A seed whose first 200 deliveries hold something of everything: planted, duplicates, a failed check, assignments.
const SEED = '45'

/** A whole run with the stand-in for the hub: real processes, real sockets, real kills. */
async function run(args: readonly string[], fault = ''): Promise<{ judgement: Judgement; printed: string }> {
  const data = mkdtempSync(join(tmpdir(), 'task-hub-'))
  folders.push(data)
  const few = ['--messages', '200', '--kills', '3', '--in-flight', '5', '--seed', SEED, '--faults', '2']
  const options = readOptions(['--once', '--json', ...few, '--data', data, ...args], HUB) as RunOptions
  const lines: string[] = []
  const output = { out: (text: string) => void lines.push(text), note: () => undefined }
  const judgement = await runOnce(
    { ...options, hubEnv: { STAND_IN: fault } },
    output,
    new AbortController().signal,
  )
  return { judgement, printed: lines.join('\n') }
}

const rulesOf = ({ findings }: Judgement): readonly string[] => findings.map(({ rule }) => rule)

test.concurrent('a hub that keeps its promises balances through kills and faults', async () => {
  const { judgement, printed } = await run([])
  expect(judgement.findings, printed).toEqual([])
  const last = JSON.parse(printed.split('\n').at(-1) ?? '')
  expect(last).toEqual(judgement.ledger)
  const { accepted, done, filtered, dead, inDoubt, kills } = judgement.ledger
  expect(accepted).toBe(200)
  expect(done + filtered + dead + inDoubt).toBe(200)
  expect(Math.min(done, filtered, dead)).toBeGreaterThan(0)
  expect(kills).toBeGreaterThanOrEqual(3)
  expect(judgement.sinks.subscribers.faults).toBeGreaterThan(5)
})

test.concurrent.each([
  ['loses messages', ['--kills', '0'], 'lossy', 'lost'],
  ['sends again without asking', ['--kills', '0'], 'doubling', 'doubled'],
  ['ignores the order of keys', ['--kills', '0'], 'disorder', 'out of order'],
  ['does not dedupe', ['--unsafe', 'no-dedupe', '--kills', '0'], '', 'doubled'],
  ['keeps no journal', ['--unsafe', 'no-journal', '--kills', '1'], '', 'lost'],
])(
  'a hub that %s is caught',
  async (_name, args, fault, rule) => {
    const { judgement, printed } = await run(args, fault)
    expect(rulesOf(judgement), printed).toContain(rule)
    expect(judgement.balanced).toBe(false)
  },
  60_000,
)

test('the moments of killing are drawn from the seed, at least as many as demanded', () => {
  const moments = momentsOf({ seed: 9, kills: 10, messages: 20_000 })
  expect(moments.length).toBeGreaterThanOrEqual(10)
  expect(momentsOf({ seed: 9, kills: 10, messages: 20_000 })).toEqual(moments)
  expect(momentsOf({ seed: 10, kills: 10, messages: 20_000 })).not.toEqual(moments)
  expect(moments.every((moment) => moment > 0 && moment < 20_000)).toBe(true)
})

test.each([
  [['--unsafe', 'no-brakes'], '--unsafe no-brakes is not one of no-dedupe, no-journal.'],
  [['--messages', 'many'], '--messages many is not a number of at least 0.'],
  [['--messages', '1.5'], '--messages 1.5 is not a whole number.'],
  [['--rate', '0'], '--rate must be more than 0.'],
  [['--twice'], "Unknown option '--twice'"],
])('%s is refused with what is wrong', (args, message) => {
  expect(() => readOptions(args, HUB)).toThrow(message)
})
