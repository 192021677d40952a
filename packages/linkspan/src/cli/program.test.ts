import { expect, test } from 'vitest'
import { VERBS } from './commands/index.ts'
import { fakeCli } from './fixtures/fake-cli.ts'

const names = VERBS.flatMap((verb) =>
  'run' in verb
    ? [[verb.usage.split(' ')[0] ?? '']]
    : verb.verbs.map((each) => [verb.name, each.usage.split(' ')[0] ?? '']),
)

test('the help lists every verb', async () => {
  const cli = fakeCli()
  expect(await cli.run('--help')).toBe(0)
  expect(cli.stdout()).toMatchSnapshot()
  expect(cli.stderr()).toBe('')
})

test.each(names.map((path) => [path.join(' '), path] as const))(
  '%s has help with an example',
  async (_name, path) => {
    const cli = fakeCli()
    expect(await cli.run(...path, '--help')).toBe(0)
    const help = cli.stdout()
    expect(help).toMatchSnapshot()
    expect(help).toMatch(/Examples?:\n {2}\$ \S/)
    expect(help).toContain('--json')
  },
)

test('the version is printed', async () => {
  const cli = fakeCli()
  expect(await cli.run('--version')).toBe(0)
  expect(cli.stdout()).toBe('0.1.0\n')
})

test.each([
  [[], 'Usage: linkspan'],
  [['mesages'], "unknown command 'mesages'\n(Did you mean messages?)"],
  [['messages', '--flwo', 'x'], "unknown option '--flwo'"],
  [['messages', '--limit', '0'], 'Write a whole number of at least 1.'],
  [['messages', '--limit', '1.5'], 'Write a whole number of at least 1.'],
  [['messages', '--state', 'gone'], '"gone" is no state. The states are active, waiting, done'],
  [['messages', '--index', 'pr'], 'Write it as name=value.'],
  [['messages', '--since', '1h', '--until', '2h'], '--since 1h is not before --until 2h'],
  [['messages', '--since', 'soon'], '"soon" is not a time'],
  [['messages', '--url', 'localhost'], '--url localhost is not the address of an engine'],
  [['messages', '--url', 'http://x:1'], 'wants its admin token'],
  [['messages', '--token', 'x'], '--token goes with --url'],
  [['trace'], "missing required argument 'id'"],
  [['trace', 'a', 'b'], 'too many arguments'],
  [['cancel', 'a'], "required option '--note <text>' not specified"],
  [['graph', '--format', 'png'], 'Allowed choices are mermaid, svg, text, json'],
  [['run', '--within', 'soon'], '"soon" is not a length of time'],
  [['flows'], 'Usage: linkspan flows'],
])('wrong use: %j', async (args, said) => {
  const cli = fakeCli()
  expect(await cli.run(...args)).toBe(2)
  expect(cli.stderr()).toContain(said)
  expect(cli.stdout()).toBe('')
  expect(cli.calls.filter(({ name }) => name.startsWith('admin.'))).toEqual([])
})

test('with --json an error is one document too', async () => {
  const cli = fakeCli()
  expect(await cli.run('messages', '--since', 'soon', '--json')).toBe(2)
  expect(JSON.parse(cli.stderr())).toMatchObject({
    error: { exitCode: 2, message: expect.stringContaining('"soon"') },
  })
})

test.each([
  [['trace', '--json'], 'id'],
  [['messages', '--limit', 'x', '--json'], '--limit'],
  [['bogus', '--json'], 'bogus'],
])('with --json wrong use is one document too: %j', async (args, said) => {
  const cli = fakeCli()
  expect(await cli.run(...args)).toBe(2)
  expect(JSON.parse(cli.stderr())).toMatchObject({
    error: { code: 'COMMAND_FAILED', exitCode: 2, message: expect.stringContaining(said) },
  })
})

test('help for a verb that is none says so', async () => {
  const cli = fakeCli()
  expect(await cli.run('help', 'bogus')).toBe(2)
  expect(cli.stderr()).toContain("unknown command 'bogus'")
})

test('a stack is shown only with --verbose', async () => {
  const broken = {
    flows: async () => {
      throw new TypeError('x is undefined')
    },
  }
  const cli = fakeCli({
    admin: broken,
    directory: import.meta.dirname,
    running: { url: 'http://x', token: 't' },
  })
  expect(await cli.run('flows', 'list', '--url', 'http://x', '--token', 't')).toBe(1)
  expect(cli.stderr()).toBe(
    'error: x is undefined\n  This was not expected. Run the command again with --verbose for the details.\n',
  )
  expect(await cli.run('flows', 'list', '--url', 'http://x', '--token', 't', '--verbose')).toBe(1)
  expect(cli.stderr()).toContain('program.test.ts')
})
