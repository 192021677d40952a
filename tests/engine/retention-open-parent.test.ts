import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngine, flow, inbox, sqlite } from 'linkspan'
import { memoryLogger } from 'linkspan/testing'
import { expect, it } from 'vitest'
import { rig } from './rig.ts'

const wait = flow('wait')
  .from(inbox<string[]>())
  .delay('first', '1m')
  .split(
    'each',
    (all) => all,
    (one) => one.delay('until due', (text) => (text === 'late' ? '3d' : '1s')),
    { join: 'collect', as: 'all' },
  )
  .reply('answer', (_body, { all }) => all)

it('a join has all outputs, also of children that ended long before the last one', async () => {
  await using engine = await rig([wait], { retention: '1d' })
  const { id } = await engine.send(wait, ['a', 'late', 'b'])
  await engine.advance('1h')
  await engine.stop()
  await engine.start()
  await engine.advance('3d')
  expect(await engine.reply(id)).toEqual(['a', 'late', 'b'])
})

it('the same on SQLite', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'linkspan-retention-'))
  let ahead = 0
  // Real timers, and a wall clock that the test sets ahead.
  const clock = {
    now: () => Date.now() + ahead,
    monotonic: () => performance.now(),
    defer: (run: () => void) => void setImmediate(run),
    timer: (afterMs: number, run: () => void) => {
      const timer = setTimeout(run, Math.min(afterMs, 50))
      return () => clearTimeout(timer)
    },
  }
  const make = () =>
    createEngine(
      { journal: sqlite('hub.db'), flows: [wait], http: false, retention: '1d' },
      { directory, outside: { clock, logger: memoryLogger() } },
    )
  let engine = make()
  await engine.start()
  const { id } = await engine.send(wait, ['a', 'late', 'b'])
  const pass = (ms: number) => new Promise((done) => setTimeout(done, ms))
  await pass(300)
  ahead = 120_000
  await pass(500)
  ahead += 5_000
  await pass(500)
  await engine.stop()
  engine = make()
  await engine.start()
  ahead = 2.5 * 86_400_000
  await pass(1_500)
  ahead = 4 * 86_400_000
  await pass(1_000)
  const reply = await engine.admin.reply(id)
  await engine.stop()
  rmSync(directory, { recursive: true })
  expect(reply?.reply).toEqual(['a', 'late', 'b'])
})
