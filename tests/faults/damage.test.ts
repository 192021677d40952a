import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { defineProject, type Flow, openReader, sqlite } from 'linkspan'
import { seededRandom, virtualClock } from 'linkspan/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { flipBit } from '../../packages/linkspan/src/journal/sqlite/fixtures/flip-bit.ts'
import { flipBits, memoryFolder } from '../torture/flips/flips.ts'
import {
  copyFiles,
  engineIn,
  itemOf,
  items,
  MESSAGES,
  makeImage,
  type Outcome,
  outcomeAtRest,
  sink,
} from '../torture/flips/scenario.ts'

const seed = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)
const FLIPS = 40

const folders: string[] = []
function folder(): string {
  const made = mkdtempSync(join(memoryFolder(tmpdir()), 'linkspan-damage-'))
  folders.push(made)
  return made
}
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true })
})

/** What a crash left. */
let image: string
/** The message of each number. */
let ids: ReadonlyMap<number, string>

beforeAll(async () => {
  image = folder()
  ids = await makeImage(image, folder(), seed)
})

/** Starts an engine on a damaged image and lets everything end. */
function outcomeOf(hurt: (directory: string) => void): Promise<Outcome> {
  return outcomeAtRest({ image, ids, seed, directory: folder() }, hurt)
}

describe('damage to the files of a killed engine', () => {
  it('none: everything goes on', async () => {
    expect(await outcomeOf(() => undefined)).toEqual({ told: [], wrong: [] })
    expect(sink.effects).toHaveLength(MESSAGES / 2)
  })

  it.each(['hub.db', 'hub.db-wal'])(
    'a flipped bit of %s is never silent, and what is whole goes on',
    async (name) => {
      const random = seededRandom(seed)
      const bits = statSync(join(image, name)).size * 8
      const seen = new Map<string, number>()
      for (let flips = 0; flips < FLIPS; flips++) {
        const bit = Math.floor(random.next() * bits)
        const { told, wrong } = await outcomeOf((directory) => flipBit(join(directory, name), bit))
        const what = `${told[0]?.replace(/\d+/g, 'n') ?? 'nothing'}${wrong.length > 0 ? ', some did not run' : ''}`
        seen.set(what, (seen.get(what) ?? 0) + 1)
        if (told.length === 0) expect(wrong, `seed ${seed}: bit ${bit} of ${name}, silently`).toEqual([])
      }
      process.stdout.write(`${name}, seed ${seed}: ${JSON.stringify(Object.fromEntries(seen))}\n`)
      expect([...seen.keys()].some((what) => what !== 'nothing')).toBe(true)
    },
  )

  /** Flips a bit of a column of message 1. */
  const flipIn = (table: string, column: string, where: string) => (directory: string) => {
    const db = new DatabaseSync(join(directory, 'hub.db'))
    const row = db.prepare(`SELECT ${column} AS bytes FROM ${table} WHERE ${where}`).get()
    const bytes = row?.['bytes'] as Uint8Array
    bytes[bytes.length - 9] = (bytes[bytes.length - 9] as number) ^ 4
    db.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${where}`).run(bytes)
    db.close()
  }

  const sql = (change: string) => (directory: string) => {
    const db = new DatabaseSync(join(directory, 'hub.db'))
    expect(db.prepare(change).run().changes).toBe(1)
    db.close()
  }

  /** The row's checksum fits and the envelope in it does not: as after an error in memory before the writing. */
  const resealed = (directory: string): void => {
    flipIn('records', 'frame', 'seq = 1 AND n = 0')(directory)
    const db = new DatabaseSync(join(directory, 'hub.db'))
    const { frame } = db.prepare('SELECT frame FROM records WHERE seq = 1 AND n = 0').get() as {
      frame: Uint8Array
    }
    db.prepare('UPDATE records SET sum = ? WHERE seq = 1 AND n = 0').run(crc32(frame, crc32('1|0')))
    db.close()
  }

  it('to the body of a message is visible, and all others go on', async () => {
    const { told, wrong } = await outcomeOf(flipIn('messages', 'body', 'seq = 1'))
    expect(wrong).toEqual([])
    expect(told).toContain('message: dead')
    expect(told).toContain('verify: message 1')
    expect(sink.effects).toHaveLength(MESSAGES / 2 - 1)
  })

  it('to the record of a message is counted and reported, and all others go on', async () => {
    const { told, wrong } = await outcomeOf(flipIn('records', 'frame', 'seq = 1 AND n = 0'))
    expect(wrong.filter((n) => n !== 0)).toEqual([])
    expect(told).toContain('counted: 1')
    expect(told).toContain('message: dead')
    expect(told).toContain('verify: message 1')
    expect(sink.effects).toHaveLength(MESSAGES / 2 - 1)
  })

  const columns: readonly (readonly [what: string, said: RegExp, hurt: (directory: string) => void])[] = [
    ['the record', /frame 0 of message 1: /, flipIn('records', 'frame', 'seq = 1 AND n = 0')],
    ['the row', /message 1: /, sql("UPDATE messages SET headers = 'x' WHERE seq = 1")],
    ['the wait', /the wait of message 1: /, sql('UPDATE waits SET attempt = attempt + 1 WHERE seq = 1')],
    ['the envelope', /r:1:0/, resealed],
  ]
  it.each(columns)(
    '%s of a live message is listed with the others, marked, and traced',
    async (_what, said, hurt) => {
      const directory = folder()
      copyFiles(image, directory)
      hurt(directory)
      const reader = await openReader(
        defineProject({ journal: sqlite('hub.db', { thread: 'main' }), flows: [items as Flow] }),
        { directory },
      )
      const all = (await reader.messages({ limit: 500 })).items
      const live = (await reader.messages({ states: ['waiting'], limit: 500 })).items
      expect(all).toHaveLength(MESSAGES)
      expect(live).toHaveLength(MESSAGES / 2)
      const id = ids.get(0) as string
      const marked = all.filter(({ damaged }) => damaged)
      expect(marked.map((message) => message.id)).toEqual([id])
      expect(marked[0]?.error?.code).toBe('RECORD_DAMAGED')
      expect(marked[0]?.error?.message).toMatch(said)
      const trace = await reader.trace(id)
      expect(trace.message).toMatchObject({ damaged: true, bodyLost: false, body: itemOf(0) })
      expect(trace.unfinished?.message).toMatch(said)
      expect(await reader.keys(null, 10)).toEqual([])
      await reader.close()
    },
  )

  it('to the ending of a message is listed with the others, and marked', async () => {
    const directory = folder()
    copyFiles(image, directory)
    sql('UPDATE settlements SET ended_at = 1 WHERE seq = 2')(directory)
    const reader = await openReader(
      defineProject({ journal: sqlite('hub.db', { thread: 'main' }), flows: [items as Flow] }),
      { directory },
    )
    const { items: all } = await reader.messages({ limit: 500 })
    expect(all).toHaveLength(MESSAGES)
    expect(all.filter(({ damaged }) => damaged).map(({ error }) => error?.message)).toEqual([
      expect.stringContaining('the ending of message 2: its checksum does not fit'),
    ])
    await reader.close()
  })

  it('to the record of a dead letter: it is not redelivered, and can be dropped', async () => {
    const directory = folder()
    copyFiles(image, directory)
    flipIn('records', 'frame', 'seq = 1 AND n = 0')(directory)
    const clock = virtualClock()
    const engine = engineIn(directory, clock, seed)
    await clock.during(engine.start())
    const { admin } = engine
    await clock.advance('2h')
    const one = { ids: [ids.get(0) as string] }
    const again = await clock.during(admin.redeliver(one, { note: 'again', fresh: true }))
    expect(again.refused.map(({ error }) => error.code)).toEqual(['RECORD_DAMAGED'])
    expect((await clock.during(admin.status())).messages).toMatchObject({ dead: 1, waiting: 0 })
    expect(await clock.during(admin.drop(one, 'seen'))).toEqual({ done: 1, refused: [] })
    expect((await clock.during(admin.status())).messages).toMatchObject({ dead: 0, dropped: 1, waiting: 0 })
    await clock.during(engine.stop())
  })

  it('to the wait of a message is visible, and all others go on', async () => {
    const { told, wrong } = await outcomeOf((directory) => {
      const db = new DatabaseSync(join(directory, 'hub.db'))
      db.prepare('UPDATE waits SET attempt = attempt + 1 WHERE seq = 1').run()
      db.close()
    })
    expect(wrong.filter((n) => n !== 0)).toEqual([])
    expect(told).toContain('counted: 1')
    expect(told).toContain('message: dead')
    expect(sink.effects).toHaveLength(MESSAGES / 2 - 1)
  })
})

describe('single flipped bits, each in a process whose end would be noticed', () => {
  it('are never silent, under load neither', async () => {
    const { violations, flips, outcomes } = await flipBits({ folder: folder(), flips: 24, seed })
    process.stdout.write(`seed ${seed}: ${JSON.stringify(outcomes)}\n`)
    expect(violations, `seed ${seed}`).toEqual([])
    expect(flips).toBe(24)
  })

  const inContent = { seed: 1, flips: 12, inContent: true }

  it('of the content of messages are all noticed', async () => {
    const { violations, outcomes } = await flipBits({ ...inContent, folder: folder() })
    expect(violations).toEqual([])
    const seen = Object.values(outcomes).flatMap((counts) => Object.keys(counts))
    expect(seen.some((what) => what !== 'nothing')).toBe(true)
  })

  it('are seen to be silent when nothing has a checksum', async () => {
    const { violations } = await flipBits({ ...inContent, folder: folder(), checksums: false })
    expect(violations.map(({ kind }) => kind)).toContain('silent')
  })
})
