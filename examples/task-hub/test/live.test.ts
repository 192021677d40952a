import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type LiveOutput, runLive } from '../runner/live.ts'
import { type RunOptions, readOptions } from '../runner/options.ts'

const HUB = join(import.meta.dirname, '..', 'hub.ts')
const NUMBERS =
  /accepted (?<accepted>\d+) {2}done (?<done>\d+) {2}filtered (?<filtered>\d+) {2}waiting (?<waiting>\d+) {2}dead (?<dead>\d+) {2}in doubt (?<doubt>\d+)/

/** A live run whose hub is killed whenever so many more were accepted; what it said at last, when it was stopped. */
async function runAndKill(kills: number): Promise<string> {
  const data = mkdtempSync(join(tmpdir(), 'task-hub-live-'))
  const options = readOptions(['--rate', '100', '--seed', '45', '--data', data], HUB) as RunOptions
  const notes: string[] = []
  let press: (key: string) => void = () => undefined
  let killed = 0
  const output: LiveOutput = {
    out: () => undefined,
    note: (text) => void notes.push(text),
    status: (text) => {
      const accepted = Number(NUMBERS.exec(text)?.groups?.['accepted'] ?? 0)
      if (accepted < (killed + 1) * 80) return
      killed += 1
      press(killed > kills ? 'q' : 'k')
    },
  }
  const keys = {
    listen: (listener: (key: string) => void) => {
      press = listener
      return () => undefined
    },
  }
  try {
    // Announced in the run's own folder, so that a hub which runs beside this test is left in peace.
    await runLive({ ...options, hubEnv: { HUB_MODE: 'once' } }, output, keys, new AbortController().signal)
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
  expect(notes.filter((note) => note.startsWith('It is back'))).toHaveLength(kills)
  return notes.at(-1) ?? ''
}

test('the status adds up after kills: what ended in a life before counts too', async () => {
  const last = await runAndKill(3)
  const { accepted, ...endings } = NUMBERS.exec(last)?.groups ?? {}
  expect(Number(accepted), last).toBeGreaterThan(200)
  const sum = Object.values(endings).reduce((all, count) => all + Number(count), 0)
  expect(sum, last).toBe(Number(accepted))
})
