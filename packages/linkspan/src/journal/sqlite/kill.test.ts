import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as after } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { freshJournal } from './fixtures/fresh-journal.ts'
import { sqlite } from './sqlite.ts'
import { verifyFile } from './verify.ts'

const fresh = freshJournal()

/** What the killed processes were told is durable. */
interface Told {
  readonly tokens: Map<number, string>
  readonly settled: Set<number>
}

interface Report {
  readonly seqs?: readonly number[]
  readonly token?: string
  readonly settled?: readonly number[]
  readonly opened?: object
}

/** How many messages each process has accepted at least before it is killed, however busy the machine is. */
const LEAST = 26
const KILLS = 20

async function killWhileCommitting(told: Told, seed: number, afterMs: number): Promise<void> {
  const args = [fresh.environment.directory, '20', String(seed)]
  const child = fork(new URL('./fixtures/owner-process.ts', import.meta.url), args, { execArgv: [] })
  const begun = Promise.withResolvers<void>()
  let accepted = 0
  child.on('message', ({ seqs = [], token = '', settled = [] }: Report) => {
    for (const seq of seqs) told.tokens.set(seq, token)
    for (const seq of settled) told.settled.add(seq)
    accepted += seqs.length
    if (accepted >= LEAST) begun.resolve()
  })
  await begun.promise
  // The moment of the kill is to be anywhere in a commit: real time, not a virtual clock, decides it.
  await after(afterMs)
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

test(`what was answered is there after each of ${KILLS} kills in the middle of commits`, async () => {
  const seed = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)
  process.stdout.write(`seed ${seed}\n`)
  const told: Told = { tokens: new Map(), settled: new Set() }
  for (let kill = 0; kill < KILLS; kill++)
    await killWhileCommitting(told, kill, ((seed * (kill + 1) * 7919) % 60) + 5)

  const journal = await sqlite('hub.db').open(fresh.environment)
  expect(journal.opened.crashed).toBe(true)
  expect(told.tokens.size).toBeGreaterThanOrEqual(KILLS * LEAST)
  const found = new Map<number, string>()
  for (let beyond = 0; ; ) {
    const page = await journal.history.query({ limit: 1000, order: 'oldest', beyond })
    for (const { seq, id, ending } of page) {
      found.set(seq, id)
      if (told.settled.has(seq)) expect(ending?.ending, `message ${seq}`).toBe('done')
    }
    if (page.length === 0) break
    beyond = page.at(-1)?.seq as number
  }
  for (const [seq, token] of told.tokens)
    expect(found.get(seq), `message ${seq}`).toBe(`${seq.toString(36)}-${token}`)
  expect([...found.keys()]).toEqual(Array.from({ length: journal.opened.lastSeq }, (_, i) => i + 1))
  await journal.close()
  expect(verifyFile(`${fresh.environment.directory}/hub.db`, () => {})).toEqual([])
})
