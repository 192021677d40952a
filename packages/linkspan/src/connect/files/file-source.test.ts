import {
  appendFile,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { LinkspanError } from '../../model/errors.ts'
import type { Incoming, RunningSource, SourceDeclaration } from '../connector.ts'
import {
  busy,
  type FakeEngine,
  fakeEngine,
  keepingLogger,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from '../fixtures/world.ts'
import {
  type Folder,
  filesConnector,
  folder,
  isMalformed,
  type MalformedRecord,
  wellFormed,
} from './index.ts'

const ending: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

interface World {
  readonly directory: string
  readonly clock: VirtualClock
  readonly engine: FakeEngine
  readonly logger: ReturnType<typeof keepingLogger>
  readonly path: (name: string) => string
  start(declaration: SourceDeclaration<unknown>): Promise<void>
  kill(): Promise<void>
  /** Lets the source look so many times, with a second between. */
  look(times?: number): Promise<void>
  bodies(): unknown[]
}

async function world(): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'linkspan-files-'))
  ending.push(() => rm(directory, { recursive: true, force: true }))
  const clock = virtualClock('2026-11-01T12:00:00Z')
  const logger = keepingLogger()
  const random = seededRandom(3)
  const engine = fakeEngine(clock, random, logger, directory)
  const client = await filesConnector.connect(
    { path: '.', create: true },
    { clock, random, logger, directory },
  )
  let running: { source: RunningSource; end: () => void } | null = null
  /** The disk takes the time it takes: wait for the source's own word, not for time. */
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      if (engine.failures.length > 0) throw engine.failures[0]
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const idle = (): boolean => engine.dead || clock.pending > 0
  const made: World = {
    directory,
    clock,
    engine,
    logger,
    path: (name) => join(directory, name),
    async start(declaration) {
      const { context, end } = engine.open(client)
      running = { source: (await declaration.start?.(context)) as RunningSource, end }
      await until(idle)
    },
    async kill() {
      running?.end()
      await running?.source.stop()
      engine.dieAt(null)
      running = null
    },
    async look(times = 1) {
      for (let time = 0; time < times && !engine.dead; time++) {
        const before = clock.armed
        await clock.advance(1_000)
        await until(() => engine.dead || clock.armed > before)
      }
    },
    bodies: () => engine.accepted.map(({ body }) => body),
  }
  ending.push(() => made.kill())
  return made
}

const inbox = (): Folder => folder('inbox')
const names = (batch: readonly Incoming[]): unknown[] => batch.map(({ headers }) => headers?.['file-record'])

describe('NDJSON', () => {
  it('is handed in record by record, with the file and the number in the headers', async () => {
    const { path, start, engine, bodies } = await world()
    await writeFile(path('a.ndjson'), '\ufeff{"n":1}\r\n\n{"n":"é🚢"}\n')
    await start(inbox().ndjson({ match: '*.ndjson' }))
    expect(bodies()).toEqual([{ n: 1 }, { n: 'é🚢' }])
    expect(engine.accepted[1]?.headers).toEqual({ 'file-name': 'a.ndjson', 'file-record': '2' })
  })

  it('reads on where a file grows, and waits for a line that is not finished', async () => {
    const { path, start, look, bodies } = await world()
    await writeFile(path('a.ndjson'), '1\n2\n{"n"')
    await start(inbox().ndjson())
    expect(bodies()).toEqual([1, 2])
    await look(3)
    expect(bodies()).toEqual([1, 2])
    await appendFile(path('a.ndjson'), ':3}\n4')
    await look(1)
    expect(bodies()).toEqual([1, 2, { n: 3 }])
    await look(4)
    expect(bodies()).toEqual([1, 2, { n: 3 }])
    await look(3)
    expect(bodies()).toEqual([1, 2, { n: 3 }, 4])
  })

  it('reads characters that are cut by the pieces it reads', async () => {
    const { path, start, bodies } = await world()
    const lines = Array.from({ length: 300 }, (_, n) => 'é🚢€'.repeat(300 + n))
    await writeFile(path('a.ndjson'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    await start(inbox().ndjson())
    expect(bodies()).toEqual(lines)
  })

  it('does not stop at a bad record: it is handed in as malformed', async () => {
    const { path, start, bodies } = await world()
    await writeFile(
      path('a.ndjson'),
      Buffer.concat([
        Buffer.from('1\n{"a":\n'),
        Buffer.from([0x22, 0xff, 0x22, 0x0a]),
        Buffer.from('"x"\n4\n'),
      ]),
    )
    await start(inbox().ndjson({ schema: z.number() }))
    const [first, second, third, fourth, last] = bodies()
    expect([first, last]).toEqual([1, 4])
    expect(second).toEqual({
      malformedRecord: expect.stringContaining('is not JSON'),
      text: '{"a":',
      file: 'a.ndjson',
      record: 2,
      offset: 2,
    })
    expect(third).toMatchObject({ malformedRecord: 'is not UTF-8', record: 3, offset: 8 })
    expect(fourth).toMatchObject({
      malformedRecord: expect.stringContaining('schema'),
      text: '"x"',
      record: 4,
      offset: 12,
    })
    expect(isMalformed(second)).toBe(true)
    expect(() => wellFormed(second)).toThrow(/Record 2 of "a.ndjson", at byte 2, is not JSON/)
    expect(wellFormed(first)).toBe(1)
  })

  it('passes over a record over the limit, wherever the pieces end', async () => {
    for (const size of [900_000, 90_000]) {
      const { path, start, bodies } = await world()
      await writeFile(path('a.ndjson'), `1\n"${'x'.repeat(size)}"\n3\n"${'y'.repeat(size)}"`)
      await start(inbox().ndjson({ recordLimit: 1_000, quiet: 0 }))
      expect(bodies()).toEqual([
        1,
        expect.objectContaining({
          malformedRecord: expect.stringContaining('recordLimit of 1000'),
          offset: 2,
          record: 2,
        }),
        3,
        expect.objectContaining({
          malformedRecord: expect.stringContaining('recordLimit'),
          offset: 2 + size + 3 + 2,
          record: 4,
        }),
      ])
      expect((bodies()[1] as MalformedRecord).text.length).toBeLessThan(500)
    }
  })
})

describe('CSV', () => {
  it('is handed in by its columns, also after a restart in the middle', async () => {
    const { path, start, kill, engine, bodies } = await world()
    await writeFile(path('a.csv'), '\ufeffid;"na;me"\r\n1;"a\r\nb"\r\n2;ü\r\n3;"say ""hi"""\r\n')
    const source = () => inbox().csv({ delimiter: ';', batch: 1 })
    let batches = 0
    engine.onAccept = () => void (++batches === 1 && engine.dieAt('before'))
    await start(source())
    expect(bodies()).toEqual([{ id: '1', 'na;me': 'a\r\nb' }])
    await kill()
    engine.onAccept = () => {}
    await start(source())
    expect(bodies()).toEqual([
      { id: '1', 'na;me': 'a\r\nb' },
      { id: '2', 'na;me': 'ü' },
      { id: '3', 'na;me': 'say "hi"' },
    ])
  })

  it('reads on where a file grows, and waits for a record that is not finished, also after a restart', async () => {
    const { path, start, kill, look, bodies } = await world()
    await writeFile(path('a.csv'), 'id,text\n1,one\n2,"first')
    await start(inbox().csv())
    expect(bodies()).toEqual([{ id: '1', text: 'one' }])
    await look(2)
    await kill()
    await appendFile(path('a.csv'), ' line\nsecond')
    await start(inbox().csv())
    await look(2)
    expect(bodies()).toEqual([{ id: '1', text: 'one' }])
    await appendFile(path('a.csv'), ' line"\n3,thr')
    await look(1)
    expect(bodies()).toEqual([
      { id: '1', text: 'one' },
      { id: '2', text: 'first line\nsecond line' },
    ])
    await appendFile(path('a.csv'), 'ee\n')
    await look(1)
    expect(bodies().slice(2)).toEqual([{ id: '3', text: 'three' }])
  })

  it('goes on after quotes that are never closed', async () => {
    const { path, start, look, bodies } = await world()
    await writeFile(path('a.csv'), 'id,name\n1,a\n2,"b\n3,c\n')
    await start(inbox().csv())
    expect(bodies()).toEqual([{ id: '1', name: 'a' }])
    await look(7)
    expect(bodies().slice(1)).toEqual([
      expect.objectContaining({ malformedRecord: expect.stringContaining('quotes'), record: 2, offset: 12 }),
      { id: '3', name: 'c' },
    ])
  })

  it('goes on after an open quote that swallows more than a record may hold', async () => {
    const { path, start, bodies } = await world()
    const rows = Array.from({ length: 200 }, (_, n) => `${n},name ${n}\n`).join('')
    await writeFile(path('a.csv'), `id,name\nx,"y\n${rows}`)
    await start(inbox().csv({ recordLimit: 1_000 }))
    expect(bodies()[0]).toMatchObject({
      malformedRecord: expect.stringContaining('recordLimit'),
      text: 'x,"y',
      offset: 8,
    })
    expect(bodies().slice(1)).toEqual(
      Array.from({ length: 200 }, (_, n) => ({ id: String(n), name: `name ${n}` })),
    )
  })

  it('waits for its header', async () => {
    const { path, start, look, bodies } = await world()
    await writeFile(path('a.csv'), 'id,na')
    await start(inbox().csv())
    await appendFile(path('a.csv'), 'me\n1,a\n')
    await look(1)
    expect(bodies()).toEqual([{ id: '1', name: 'a' }])
  })
})

describe('whole files', () => {
  it('are handed in once they are quiet, and again when they have changed', async () => {
    const { path, start, look, bodies } = await world()
    await writeFile(path('a.xml'), '<a>ü</a>')
    await start(inbox().whole({ match: /\.xml$/i }))
    expect(bodies()).toEqual([])
    await look(6)
    expect(bodies()).toEqual([
      { name: 'a.xml', size: 9, modifiedAt: expect.stringMatching(/^20\d\d-.*Z$/), content: '<a>ü</a>' },
    ])
    await look(6)
    expect(bodies()).toHaveLength(1)
    await writeFile(path('a.xml'), '<b/>')
    await look(7)
    expect(bodies()).toHaveLength(2)
  })

  it('are malformed over the limit or when they are no text, and given in base 64 on request', async () => {
    const { path, start, kill, engine, bodies } = await world()
    await writeFile(path('a.bin'), Buffer.from([0xff, 0xfe]))
    await writeFile(path('b.bin'), 'x'.repeat(2_000))
    await start(inbox().whole({ quiet: 0, recordLimit: 1_000 }))
    expect(bodies()).toMatchObject([
      { malformedRecord: expect.stringContaining('UTF-8') },
      { malformedRecord: expect.stringContaining('recordLimit') },
    ])
    await kill()
    engine.accepted.length = 0
    engine.cursor = null
    await start(inbox().whole({ quiet: 0, as: 'base64', match: 'a.*' }))
    expect(bodies()).toMatchObject([{ content: '//4=' }])
  })
})

describe('a folder', () => {
  it('is read in order, by the names that match, and nothing else in it', async () => {
    const { path, start, bodies } = await world()
    for (const name of ['b10.txt', 'b2.txt', 'a.txt', 'c.csv', '.hidden.txt'])
      await writeFile(path(name), `${name}\n`)
    await mkdir(path('folder.txt'))
    await symlink(path('c.csv'), path('link.txt'))
    await start(inbox().lines({ match: '*.txt' }))
    expect(bodies()).toEqual(['a.txt', 'b2.txt', 'b10.txt'])
  })

  it('moves a file that is done, without overwriting', async () => {
    const { path, directory, start, look, bodies, engine } = await world()
    await mkdir(path('done'))
    await writeFile(path('done/a.txt'), 'old\n')
    await writeFile(path('a.txt'), '1\n2')
    await start(inbox().lines({ after: 'move' }))
    await look(4)
    expect(await readdir(directory)).toEqual(['a.txt', 'done'])
    await look(3)
    expect(bodies()).toEqual(['1', '2'])
    expect(await readdir(directory)).toEqual(['done'])
    expect(await readFile(path('done/a-1.txt'), 'utf8')).toBe('1\n2')
    expect(await readFile(path('done/a.txt'), 'utf8')).toBe('old\n')
    expect(engine.cursor).toBe('{"v":1,"files":{}}')
  })

  it('deletes a file that is done, an empty one too, and reads a new one of the same name', async () => {
    const { path, directory, start, look, bodies } = await world()
    await writeFile(path('a.txt'), '1\n')
    await writeFile(path('b.txt'), '')
    await start(inbox().lines({ after: 'delete' }))
    await look(7)
    expect(await readdir(directory)).toEqual([])
    await writeFile(path('a.txt'), '1\n')
    await look(8)
    expect(bodies()).toEqual(['1', '1'])
  })

  it('does not move a file that has grown meanwhile', async () => {
    const { path, directory, start, look, bodies } = await world()
    await writeFile(path('a.txt'), '1\n')
    await start(inbox().lines({ after: 'delete' }))
    for (let n = 2; n < 6; n++) {
      await look(3)
      expect(await readdir(directory)).toEqual(['a.txt'])
      await appendFile(path('a.txt'), `${n}\n`)
    }
    await look(8)
    expect(bodies()).toEqual(['1', '2', '3', '4', '5'])
    expect(await readdir(directory)).toEqual([])
  })

  it('notices truncation, replacement and rotation', async () => {
    const { path, start, look, bodies, logger } = await world()
    await writeFile(path('app.log'), 'one\ntwo\n')
    await start(inbox().lines({ match: '*.log' }))
    await appendFile(path('app.log'), 'three\n')
    await rename(path('app.log'), path('app.log.1'))
    await writeFile(path('app.log'), 'four\n')
    await look(1)
    expect([...bodies()].sort()).toEqual(['four', 'one', 'three', 'two'])
    await truncate(path('app.log'), 0)
    await look(1)
    await appendFile(path('app.log'), '5\n')
    await look(1)
    expect(bodies().at(-1)).toBe('5')
    await writeFile(path('app.log'), 'a wholly new beginning\n')
    await look(1)
    expect(bodies().at(-1)).toBe('a wholly new beginning')
    expect(logger.lines.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['files.truncated', 'files.replaced']),
    )
    expect(bodies()).toHaveLength(6)
  })

  it('that seems empty or is gone makes it forget nothing', async () => {
    const { path, directory, start, look, bodies, logger } = await world()
    await writeFile(path('a.txt'), '1\n')
    await start(inbox().lines())
    await rename(directory, `${directory}-away`)
    await look(2)
    await mkdir(directory)
    await look(2)
    await rm(directory, { recursive: true })
    await rename(`${directory}-away`, directory)
    await appendFile(path('a.txt'), '2\n')
    await look(2)
    expect(bodies()).toEqual(['1', '2'])
    expect(logger.lines.filter(({ event }) => event === 'files.trouble')).toHaveLength(1)
  })
})

describe('accepting', () => {
  it('goes in bounded batches, and waits as told while there is no room', async () => {
    const { path, start, look, engine, clock, bodies } = await world()
    await writeFile(path('a.txt'), Array.from({ length: 25 }, (_, n) => `${n}\n`).join(''))
    const batches: unknown[][] = []
    engine.onAccept = (batch) => void batches.push(names(batch))
    engine.refuse(busy(30_000), 2)
    await start(inbox().lines({ batch: 10 }))
    expect(bodies()).toEqual([])
    await clock.advance(59_000)
    expect(bodies()).toEqual([])
    await look(2)
    while (bodies().length < 25) await new Promise((resolve) => setImmediate(resolve))
    expect(batches.map(({ length }) => length)).toEqual([10, 10, 5])
  })

  it('bounds a batch by its bytes', async () => {
    const { path, start, engine, bodies } = await world()
    await writeFile(path('a.txt'), `${'x'.repeat(400_000)}\n`.repeat(8))
    const sizes: number[] = []
    engine.onAccept = (batch) =>
      void sizes.push(batch.reduce((sum, { body }) => sum + (body as string).length, 0))
    await start(inbox().lines())
    expect(bodies()).toHaveLength(8)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024)
  })

  it('loses and doubles nothing in a crash at any commit, before it or after it', async () => {
    for (const moment of ['before', 'after'] as const) {
      const { path, start, kill, look, engine, bodies, directory } = await world()
      const rows = (from: number) =>
        Array.from({ length: 7 }, (_, n) => `${from + n},"row\n${from + n}"\n`).join('')
      await writeFile(path('a.csv'), `id,text\n${rows(0)}`)
      await writeFile(path('b.csv'), `id,text\n${rows(7)}14,last`)
      const source = () => inbox().csv({ batch: 2, after: 'move', quiet: '2s' })
      for (let crashes = 0; crashes < 40; crashes++) {
        engine.dieAt(moment)
        await start(source())
        await look(5)
        await kill()
        if (moment === 'before') {
          // One commit is let through between two crashes, or nothing would ever happen.
          let once = true
          engine.onAccept = () => {
            if (once) engine.dieAt('before')
            once = false
          }
          await start(source())
          await look(5)
          await kill()
          engine.onAccept = () => {}
        }
      }
      expect(
        bodies().map((body) => Number((body as { id: string }).id)),
        moment,
      ).toEqual(Array.from({ length: 15 }, (_, n) => n))
      expect(await readdir(directory)).toEqual(['done'])
      expect(await readdir(path('done'))).toEqual(['a.csv', 'b.csv'])
    }
  })

  it('reads a large file in bounded memory', async () => {
    const { path, start, engine, look } = await world()
    const handle = await open(path('big.ndjson'), 'w')
    const line = `${JSON.stringify({ text: 'x'.repeat(1_000) })}\n`
    for (let n = 0; n < 48; n++) await handle.write(line.repeat(1_000))
    await handle.close()
    let count = 0
    let most = 0
    engine.onAccept = (batch) => {
      count += batch.length
      engine.accepted.length = 0
      most = Math.max(most, process.memoryUsage().arrayBuffers)
    }
    const before = process.memoryUsage().arrayBuffers
    await start(inbox().ndjson())
    await look(1)
    expect(count).toBe(48_000)
    expect(most - before).toBeLessThan(40 * 1024 * 1024)
  })

  it('says that it cannot go on when records are refused for good', async () => {
    const { path, engine, start, clock } = await world()
    await writeFile(path('a.txt'), '1\n')
    engine.refuse(new LinkspanError('FLOW_UNKNOWN', 'Gone.'), 1)
    clock.timer(1e9, () => {})
    await start(inbox().lines())
    while (engine.failures.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(engine.failures).toMatchObject([{ code: 'FLOW_UNKNOWN', message: 'Gone.' }])
  })
})

describe('the declaration', () => {
  it('is plain data and typed', () => {
    const source = inbox().csv({ match: '*.csv', after: 'move', schema: z.object({ id: z.string() }) })
    expectTypeOf(source).toEqualTypeOf<SourceDeclaration<{ id: string } | MalformedRecord>>()
    expectTypeOf(wellFormed<{ id: string } | MalformedRecord>).returns.toEqualTypeOf<{ id: string }>()
    expectTypeOf(inbox().lines()).toEqualTypeOf<SourceDeclaration<string | MalformedRecord>>()
    expect(JSON.parse(JSON.stringify(source.options))).toEqual({
      format: 'csv',
      match: '*.csv',
      order: 'name',
      after: 'move',
      moveTo: 'done',
      everyMs: 1_000,
      quietMs: 5_000,
      recordLimit: 1_048_576,
      batch: 500,
      header: true,
      delimiter: ',',
      quote: '"',
    })
  })

  it('refuses options that mean nothing', () => {
    expect(() => inbox().lines({ after: 'burn' as never })).toThrow(/"burn" is not known/)
    expect(() => inbox().lines({ moveTo: '../x' })).toThrow(/moveTo/)
    expect(() => inbox().lines({ batch: 0 })).toThrow(/batch: 0/)
    expect(() => inbox().lines({ every: 0 })).toThrow(/busy loop/)
    expect(() => inbox().lines({ recordLimit: -1 })).toThrow(/recordLimit/)
  })
})
