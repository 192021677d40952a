import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { createEngine, deadLetter, env, flow, inbox, openReader, secret } from 'linkspan'
import { type Connector, configSchema, type Operation } from 'linkspan/connect'
import { postgres } from 'linkspan/journal'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { root } from '../../../scripts/lib/files.ts'
import { type TestPostgres, testPostgres } from '../../postgres-server/index.ts'
import { ask } from './rig.ts'

const CANARY = 'canary-pass/word#81'
const FORMS = [CANARY, encodeURIComponent(CANARY), JSON.stringify(CANARY).slice(1, -1), 'canary-pass']
const BIN = join(root, 'packages', 'linkspan', 'bin', 'linkspan.js')

let databases: TestPostgres
let url: string
let role: string
let folder: string

beforeAll(async () => {
  databases = await testPostgres()
  const owner = await databases.database()
  role = `canary_${process.pid}`
  await ask(owner, `CREATE ROLE ${role} LOGIN PASSWORD '${CANARY}'`)
  const named = new URL(owner)
  await ask(owner, `GRANT ALL ON DATABASE ${named.pathname.slice(1)} TO ${role}`)
  named.username = role
  named.password = encodeURIComponent(CANARY)
  url = named.href
  folder = mkdtempSync(join(tmpdir(), 'linkspan-references-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(
    join(folder, 'linkspan.config.ts'),
    `import { defineProject, flow, inbox, postgres, secret } from 'linkspan'
export default defineProject({
  journal: postgres({ url: secret('JOURNAL_URL'), connectTimeout: '1s' }),
  flows: [flow('hello').from(inbox())],
  http: { port: 0 },
})
`,
  )
})
afterAll(async () => {
  const owner = await databases.database()
  await ask(url, 'DROP SCHEMA IF EXISTS linkspan CASCADE')
  await ask(owner, `REASSIGN OWNED BY ${role} TO CURRENT_USER`)
  await databases.stop()
  rmSync(folder, { recursive: true, force: true })
})

const driver: Connector<object, object> = {
  name: 'driver',
  spec: { summary: 'For this test.', stability: 'stable', options: [] },
  config: configSchema({}),
  connect: async () => ({}),
}

/** What shows the URL when it fails, as a driver that was given it may. */
const failing: Operation<unknown, unknown, { kind: 'natural' }> = {
  connection: { name: 'driver', connector: driver as never },
  name: 'fail',
  guarantee: { kind: 'natural' },
  run: () => Promise.reject(new Error(`no way to ${url}, where ${CANARY} is wanted`)),
}

const flows = [flow('hello').from(inbox<string>())]

function expectNone(where: string, text: string): void {
  expect(
    FORMS.filter((form) => text.includes(form)),
    `the password in ${where}: ${text}`,
  ).toEqual([])
}

/** All that can be seen of an error: as it is thrown, inspected, and with all its causes. */
function allOf(error: unknown): string {
  const { stack, cause } = error as Error
  return `${inspect(error, { depth: 12 })}\n${stack}\n${JSON.stringify(error)}\n${cause === undefined ? '' : allOf(cause)}`
}

it('names what a journal refers to, with all else that is missing', () => {
  const project = {
    journal: postgres({ url: env('JOURNAL_URL'), schema: env('JOURNAL_SCHEMA', 'hub') }),
    flows,
    http: { port: env('PORT') },
  }
  expect(() => createEngine(project, { lookup: () => undefined })).toThrow(
    expect.objectContaining({
      code: 'SECRET_MISSING',
      message: expect.stringMatching(/PORT, JOURNAL_URL|JOURNAL_URL, PORT/),
    }),
  )
})

it.each([
  ['a secret', secret('JOURNAL_URL')],
  ['the environment', env('JOURNAL_URL')],
])(
  'runs on the journal whose URL is %s, reads it when it is stopped, and keeps its password to itself',
  async (_what, reference) => {
    const lines: string[] = []
    const logger = { log: (...line: unknown[]) => void lines.push(inspect(line, { depth: 12 })) }
    const clumsy = flow('hello', { onError: deadLetter() }).from(inbox<string>()).to('fail', failing)
    const journal = postgres({ url: reference, schema: env('SCHEMA') })
    const lookup = ({ name }: { name: string }) => ({ JOURNAL_URL: url, SCHEMA: 'by_name' })[name]
    const engine = createEngine(
      { journal, flows: [clumsy], connections: { driver: {} } },
      { lookup, outside: { logger } },
    )
    await engine.start()
    const refused: unknown = await engine.request(clumsy, 'Ada').catch((error: unknown) => error)
    await engine.stop()
    const reader = await openReader({ journal, flows: [clumsy], http: { port: env('UNSET') } }, { lookup })
    try {
      const { items } = await reader.messages({})
      expect(items).toMatchObject([{ state: 'dead' }])
      expectNone('what the caller is told', allOf(refused))
      expectNone('a list', JSON.stringify(items))
      const trace = JSON.stringify(await reader.trace(String(items[0]?.id)))
      expect(trace).toContain('no way to')
      expectNone('a trace', trace)
      expectNone('stats', JSON.stringify(await reader.stats()))
    } finally {
      await reader.close()
      await ask(url, 'DROP SCHEMA by_name CASCADE')
    }
    expect(lines.join('')).toContain('engine.started')
    expectNone('the log', lines.join(''))
  },
)

it.each([
  ['a user that is not there', (good: string) => good.replace('//canary', '//nobody')],
  ['a server that is not there', (good: string) => good.replace(/:\d+\//, ':1/')],
  ['a password that is not encoded', (good: string) => good.replace('%2F', '/').replace('%23', '#')],
  ['a database that is not there', (good: string) => good.replace(/\/[^/]+$/, '/nowhere')],
  ['a mode of TLS that is not there', (good: string) => `${good}?sslmode=none-such`],
  ['another protocol', (good: string) => good.replace('postgres', 'mysql')],
])('tells no password where the URL has %s', async (_what, change) => {
  const wrong = change(url.replace('postgresql:', 'postgres:'))
  expect(wrong).not.toBe(url)
  const factory = postgres({ url: secret('JOURNAL_URL'), connectTimeout: '1s' })
  const lookup = () => wrong
  const engine = createEngine({ journal: factory, flows }, { lookup })
  const seen = [
    await engine.start().catch((error: unknown) => error),
    await openReader({ journal: factory, flows }, { lookup }).catch((error: unknown) => error),
  ]
  await engine.stop()
  for (const error of seen) {
    expect(error).toBeInstanceOf(Error)
    expectNone('an error', allOf(error))
  }
})

function started(child: ChildProcess): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (part) => {
      said += String(part)
      if (said.includes('"started"')) resolve(said)
    })
  child.on('exit', () => resolve(said))
  return promise
}

it('is not told by the command line, whatever is asked of it', async () => {
  const given = { ...process.env, JOURNAL_URL: url }
  const child = spawn(process.execPath, [BIN, 'run', '--log-level', 'debug'], {
    cwd: folder,
    env: given,
    stdio: 'pipe',
  })
  const said = await started(child)
  child.kill('SIGTERM')
  await new Promise((ended) => (child.exitCode === null ? child.on('exit', ended) : ended(null)))
  expect(said).toContain('"started"')
  expectNone('linkspan run', said)

  const asked = (environment: NodeJS.ProcessEnv, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
      cwd: folder,
      env: environment,
      encoding: 'utf8',
    })
    expectNone(args.join(' '), stdout + stderr)
    return { status, text: stdout + stderr }
  }
  expect(asked(given, 'journal', 'stats')).toMatchObject({
    status: 0,
    text: expect.stringContaining('lastSeq'),
  })
  expect(asked(given, 'messages', '--json').status).toBe(0)
  expect(asked(given, 'check').status).toBe(0)
  expect(asked(given, 'journal', 'verify').status).toBe(0)
  const wrong = { ...given, JOURNAL_URL: url.replace('%23', '#') }
  for (const verb of [['journal', 'stats'], ['run'], ['check'], ['messages', '--json']])
    expect(asked(wrong, ...verb, '--verbose')).toMatchObject({
      text: expect.stringContaining('percent-encoding'),
    })
  const { JOURNAL_URL: _, ...without } = given
  expect(asked(without, 'journal', 'stats')).toMatchObject({
    status: 3,
    text: expect.stringContaining('JOURNAL_URL'),
  })
  expect(asked(without, 'check')).toMatchObject({ status: 1, text: expect.stringContaining('JOURNAL_URL') })
})
