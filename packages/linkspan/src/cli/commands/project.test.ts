import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CheckReport, Engine, ReplayDifference } from '../../index.ts'
import { LinkspanError } from '../../model/errors.ts'
import {
  fakeCli,
  fakeEngine,
  fakeFlow,
  fakeProject,
  fakeReference,
  type MakeEngine,
} from '../fixtures/fake-cli.ts'
import { projectFolder } from '../fixtures/temp-folder.ts'

const two = fakeProject([fakeFlow('hello'), fakeFlow('mail')])

test('graph draws as Mermaid, JSON and SVG', async () => {
  const cli = fakeCli({ directory: projectFolder(), project: two })
  expect(await cli.run('graph')).toBe(0)
  expect(cli.stdout()).toBe('flowchart LR\n  hello\n\nflowchart LR\n  mail\n')
  expect(await cli.run('graph', 'mail', '--format', 'svg')).toBe(0)
  expect(cli.stdout()).toBe('<svg><title>mail</title></svg>\n')
  expect(await cli.run('graph', '--json')).toBe(0)
  expect(JSON.parse(cli.stdout())).toEqual([{ name: 'hello' }, { name: 'mail' }])
})

test('graph writes a file, into a folder that it makes', async () => {
  const directory = projectFolder()
  const cli = fakeCli({ directory, project: two })
  expect(await cli.run('graph', 'hello', '--format', 'svg', '--out', 'docs/hello.svg')).toBe(0)
  expect(readFileSync(join(directory, 'docs', 'hello.svg'), 'utf8')).toBe('<svg><title>hello</title></svg>\n')
  expect(await cli.run('graph', 'hello', '--out', '.')).toBe(3)
  expect(cli.stderr()).toContain('cannot be written')
})

test('graph names the flows when it is asked for another, or for one SVG of many', async () => {
  const cli = fakeCli({ directory: projectFolder(), project: two })
  expect(await cli.run('graph', 'helo')).toBe(1)
  expect(cli.stderr()).toContain('The project has no flow "helo". It has: hello, mail.')
  expect(await cli.run('graph', '--format', 'svg')).toBe(2)
  expect(cli.stderr()).toContain('One SVG shows one flow. Name it: hello, mail.')
})

const fits: CheckReport = { flows: [{ flow: 'hello', live: 2, fit: 2, parked: [], gone: false }] }

test('check is content with a project that fits', async () => {
  const cli = fakeCli({ directory: projectFolder(), reader: { check: async () => fits } })
  expect(await cli.run('check')).toBe(0)
  const text = cli.stdout()
  expect(text).toContain('hello  2 messages on the way, 2 fit')
  expect(text).toContain('The project can be deployed.')
})

test('check exits with 1 when messages would be parked or lose their flow', async () => {
  const report: CheckReport = {
    flows: [
      {
        flow: 'hello',
        live: 2,
        fit: 1,
        parked: [{ id: '1-aaaaaaaaaaaa', reason: 'step keep is gone' }],
        gone: false,
      },
      { flow: 'old', live: 3, fit: 0, parked: [], gone: true },
    ],
  }
  const cli = fakeCli({ directory: projectFolder(), reader: { check: async () => report } })
  expect(await cli.run('check')).toBe(1)
  const text = cli.stdout()
  expect(text).toContain('1-aaaaaaaaaaaa would be parked: step keep is gone')
  expect(text).toContain('old is gone from the project, with 3 messages on the way')
  expect(await cli.run('check', '--json')).toBe(1)
  expect(JSON.parse(cli.stdout())).toMatchObject({ flows: ['hello'], problems: [], live: report })
})

test('check names secrets, variables and connections that are missing', async () => {
  const github = { name: 'github', connector: { name: 'github', connect: async () => null } }
  const flow = fakeFlow('hello', { operation: { connection: github, name: 'x' } })
  const project = fakeProject(
    [{ ...flow, source: { ...flow.source, push: { auth: { secret: fakeReference('secret', 'HOOK') } } } }],
    {
      journal: {
        kind: 'fake',
        configuration: { options: { url: fakeReference('secret', 'DATABASE_URL') } },
        open: async () => null,
      } as never,
      connections: {
        other: {
          token: fakeReference('env', 'TOKEN'),
          level: fakeReference('env', 'LEVEL', 'x'),
        },
      },
    },
  )
  const cli = fakeCli({ directory: projectFolder(), project, reader: { check: async () => fits } })
  expect(await cli.run('check', '--json')).toBe(1)
  expect((JSON.parse(cli.stdout()) as { problems: string[] }).problems).toEqual([
    "The environment variable TOKEN is not set. Set it, or give env('TOKEN') a fallback.",
    'The secret DATABASE_URL is not there. Set DATABASE_URL, or set DATABASE_URL_FILE to the file that has it.',
    'The secret HOOK is not there. Set HOOK, or set HOOK_FILE to the file that has it.',
    'The connection "github" (github) is used by a flow and not bound. Add connections: { \'github\': { … } } to the project file.',
  ])
})

test('check says what the engine refuses, and a project that never ran is fine', async () => {
  const none = async () => {
    throw new LinkspanError('JOURNAL_FAILED', 'There is no journal.', {
      details: { path: '/no/such/journal.db' },
    })
  }
  const fresh = fakeCli({ directory: projectFolder(), reader: { check: none } })
  expect(await fresh.run('check')).toBe(0)
  expect(fresh.stdout()).toContain('There is no journal to compare with.')
  const damaged = fakeCli({
    directory: projectFolder(),
    reader: {
      check: async () => {
        throw new LinkspanError('JOURNAL_DAMAGED', 'Page 7 is damaged.', {
          details: { path: import.meta.filename },
        })
      },
    },
  })
  expect(await damaged.run('check')).toBe(1)
  const printed = damaged.stdout()
  expect(printed).toContain('missing or wrong: Page 7 is damaged.')
  expect(printed).not.toContain('There is no journal')
  expect(printed).toContain('Messages on their way were not compared.')
  const createEngine = () => {
    throw new LinkspanError('FLOW_DUPLICATE', 'Two flows are called "hello".')
  }
  const refused = fakeCli({ directory: projectFolder(), library: { createEngine }, reader: { check: none } })
  expect(await refused.run('check')).toBe(1)
  expect(refused.stdout()).toContain('missing or wrong: Two flows are called "hello".')
})

test('check says what only a start would refuse, as a connection that is configured wrongly', async () => {
  const validate = async () => {
    throw new LinkspanError('CONFIG_INVALID', 'The configuration of connection "api" (http) is not right.')
  }
  const library = { createEngine: () => fakeEngine({ validate }) }
  const cli = fakeCli({ directory: projectFolder(), library, reader: { check: async () => fits } })
  expect(await cli.run('check')).toBe(1)
  expect(cli.stdout()).toContain(
    'missing or wrong: The configuration of connection "api" (http) is not right.',
  )
  expect(await cli.run('probe')).toBe(3)
  expect(JSON.parse(cli.stdout())).toMatchObject({ ok: false, error: expect.stringContaining('"api"') })
})

test('check says what is missing once, though the engine and the journal refuse it too', async () => {
  const missing = () => {
    throw new LinkspanError('SECRET_MISSING', 'The project refers to TOKEN, which is not there.')
  }
  const project = fakeProject(undefined, { connections: { other: { token: fakeReference('env', 'TOKEN') } } })
  const cli = fakeCli({
    directory: projectFolder(),
    project,
    library: { createEngine: missing },
    reader: { check: async () => missing() },
  })
  expect(await cli.run('check', '--json')).toBe(1)
  expect((JSON.parse(cli.stdout()) as { problems: string[] }).problems).toEqual([
    "The environment variable TOKEN is not set. Set it, or give env('TOKEN') a fallback.",
  ])
})

const difference = (id: string, over: Partial<ReplayDifference> = {}): ReplayDifference => ({
  id,
  flow: 'hello',
  key: 'Ada',
  path: 'keep',
  kind: 'changed',
  before: null,
  after: null,
  fields: [{ path: '/text', kind: 'changed', before: 'Hello Ada', after: 'Hi Ada' }],
  ...over,
})

const report = {
  messages: 10,
  unchanged: 5,
  differences: [
    ...['1', '2', '3', '4'].map((id) => difference(id)),
    difference('5', { path: 'tell', kind: 'added', fields: [], after: { to: 'chat' } }),
  ],
}

test('replay groups what differs and exits with 1', async () => {
  const cli = fakeCli({ directory: projectFolder(), reader: { replay: async () => report } })
  expect(await cli.run('replay', '--since', '1h', '--flow', 'hello', '--diff')).toBe(1)
  expect(cli.stdout()).toMatchInlineSnapshot(`
    "Replayed 10 messages: 5 unchanged, 5 different.

    hello / keep  4 messages would be sent differently
      in /text
      1  key Ada
        - /text "Hello Ada"
        + /text "Hi Ada"
      2  key Ada
        - /text "Hello Ada"
        + /text "Hi Ada"
      3  key Ada
        - /text "Hello Ada"
        + /text "Hi Ada"
      and 1 more like these; --json has them all

    hello / tell  1 message would now be sent and was not
      5  key Ada
        + {"to":"chat"}
    "
  `)
  expect(await cli.run('replay', '--since', '1h')).toBe(1)
  expect(cli.stdout()).not.toContain('Hi Ada')
  expect(await cli.run('replay', '--since', '1h', '--json')).toBe(1)
  expect(JSON.parse(cli.stdout())).toEqual(report)
})

test('replay exits with 0 when nothing differs, and wants to know which messages', async () => {
  const same = { messages: 3, unchanged: 3, differences: [] }
  const cli = fakeCli({ directory: projectFolder(), reader: { replay: async () => same } })
  expect(await cli.run('replay', 'a', 'b')).toBe(0)
  expect(cli.calls.find(({ name }) => name === 'reader.replay')?.args[0]).toEqual({ ids: ['a', 'b'] })
  expect(cli.stdout()).toBe('Replayed 3 messages: 3 unchanged, 0 different.\n')
  expect(await cli.run('replay')).toBe(2)
  expect(await cli.run('replay', 'a', '--since', '1h')).toBe(2)
})

test('long work shows a bar on a terminal, and nowhere else', async () => {
  const replay = async (_selection: unknown, progress: (done: number, total: number) => void) => {
    progress(1, 4)
    return { messages: 4, unchanged: 4, differences: [] }
  }
  const seen = fakeCli({ directory: projectFolder(), reader: { replay }, tty: true })
  await seen.run('replay', '--since', '1h')
  expect(seen.stderr()).toContain('replaying ██████')
  const piped = fakeCli({ directory: projectFolder(), reader: { replay } })
  await piped.run('replay', '--since', '1h')
  expect(piped.stderr()).toBe('')
})

/** An engine whose life a test can follow. */
function followed(over: Partial<Engine> = {}) {
  const seen: unknown[] = []
  const started = Promise.withResolvers<void>()
  const createEngine: MakeEngine = (_project, { outside }) => {
    outside?.logger?.log('debug', 'made')
    return fakeEngine({
      start: async () => {
        seen.push('start')
        started.resolve()
      },
      stop: async (options) => void seen.push(['stop', options]),
      ...over,
    })
  }
  return { seen, started: started.promise, createEngine }
}

test('run logs JSON lines and stops gracefully on a signal', async () => {
  const { seen, started, createEngine } = followed()
  const cli = fakeCli({ directory: projectFolder(), library: { createEngine } })
  const code = cli.run('run', '--within', '3s', '--log-level', 'debug')
  await started
  cli.signal('SIGTERM')
  expect(await code).toBe(0)
  expect(seen).toEqual(['start', ['stop', { within: 3_000 }]])
  const lines = cli
    .stdout()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; url?: string })
  expect(lines.map(({ event }) => event)).toEqual(['made', 'started', 'stopping', 'stopped'])
  expect(lines[1]?.url).toBe('http://127.0.0.1:7070')
})

test('a second signal cuts the stop short', async () => {
  const { started, createEngine } = followed({ stop: () => new Promise(() => {}) })
  const cli = fakeCli({ directory: projectFolder(), library: { createEngine } })
  const code = cli.run('run')
  await started
  cli.signal('SIGINT')
  cli.signal('SIGINT')
  expect(await code).toBe(1)
})

test('run exits with 3 when the engine cannot start, or fails', async () => {
  const start = async () => {
    throw new LinkspanError('PORT_IN_USE', 'Port 7070 is in use.')
  }
  const busy = fakeCli({
    directory: projectFolder(),
    library: { createEngine: followed({ start }).createEngine },
  })
  expect(await busy.run('run')).toBe(3)
  expect(busy.stderr()).toBe('error: Port 7070 is in use.\n')
  const failing = fakeCli({
    directory: projectFolder(),
    library: { createEngine: followed({ state: 'failed' }).createEngine },
  })
  expect(await failing.run('run')).toBe(3)
})

test('under a supervisor, run tells when it is ready and leaves Ctrl-C to it', async () => {
  const { seen, createEngine } = followed()
  const told = Promise.withResolvers<unknown>()
  let stop = (): void => {}
  const supervisor = {
    send: told.resolve,
    end: () => seen.push('let go'),
    onStop: (handle: () => void) => {
      stop = handle
    },
  }
  const cli = fakeCli({ directory: projectFolder(), library: { createEngine }, supervisor })
  const code = cli.run('run', '--log', 'text')
  expect(await told.promise).toEqual({ ready: { url: 'http://127.0.0.1:7070' } })
  cli.signal('SIGINT')
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual(['start'])
  stop()
  expect(await code).toBe(0)
  expect(seen.at(-1)).toBe('let go')
  expect(cli.stdout()).toContain('info  stopped')
})

test('probe answers flows and files, or why the project does not load', async () => {
  const good = fakeCli({ directory: projectFolder(), project: two })
  expect(await good.run('probe')).toBe(0)
  expect(JSON.parse(good.stdout())).toMatchObject({ ok: true, flows: [{ name: 'hello' }, { name: 'mail' }] })
  const bad = fakeCli({ directory: projectFolder(), module: {} })
  expect(await bad.run('probe')).toBe(3)
  expect(JSON.parse(bad.stdout())).toMatchObject({
    ok: false,
    error: expect.stringContaining('has no default export'),
  })
})
