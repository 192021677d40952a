import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Judgement } from '../checker/ledger.ts'
import { runOnce } from '../runner/once.ts'
import { type RunOptions, readOptions } from '../runner/options.ts'

// The main job in small: the real hub between real processes, under the same checker as `npm start -- --once`.

const HUB = join(import.meta.dirname, '..', 'hub.ts')
// A seed whose first 300 deliveries hold something of everything.
const SEED = '45'
const folders: string[] = []

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

async function run(args: readonly string[]): Promise<{ judgement: Judgement; printed: string }> {
  const data = mkdtempSync(join(tmpdir(), 'task-hub-'))
  folders.push(data)
  const few = ['--messages', '300', '--in-flight', '1', '--seed', SEED]
  const options = readOptions(['--once', '--json', ...few, '--data', data, ...args], HUB) as RunOptions
  const lines: string[] = []
  const output = { out: (text: string) => void lines.push(text), note: () => undefined }
  const judgement = await runOnce(options, output, new AbortController().signal)
  return { judgement, printed: lines.join('\n') }
}

const rulesOf = ({ findings }: Judgement): readonly string[] => findings.map(({ rule }) => rule)

test('the hub keeps its promises through kills and faults', async () => {
  const { judgement, printed } = await run(['--kills', '2', '--faults', '2'])
  expect(judgement.findings, printed).toEqual([])
  const { accepted, done, filtered, dead, inDoubt, kills } = judgement.ledger
  expect(done + filtered + dead + inDoubt).toBe(accepted)
  expect(accepted).toBe(300)
  expect(kills).toBeGreaterThanOrEqual(2)
  expect(Math.min(done, filtered, dead)).toBeGreaterThan(0)
})

test.each([
  ['no-dedupe', '0', 'doubled'],
  ['no-journal', '1', 'lost'],
])(
  'without a protection (%s) the ledger shows it',
  async (unsafe, kills, rule) => {
    const { judgement, printed } = await run(['--unsafe', unsafe, '--kills', kills])
    expect(rulesOf(judgement), printed).toContain(rule)
    expect(judgement.balanced).toBe(false)
  },
  90_000,
)
