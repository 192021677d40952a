import { expect, test } from 'vitest'
import { LinkspanError, storeError } from '../../model/errors.ts'
import type { MessageSummary } from '../../model/message.ts'
import { ACCEPTED, fakeCli, NOW, summary, trace } from '../fixtures/fake-cli.ts'
import { projectFolder, tempFolder } from '../fixtures/temp-folder.ts'

const error = storeError(new LinkspanError('MESSAGE_STATE', 'It is done already.'))
const page =
  (count: number, next: string | null = null) =>
  async () => ({
    items: Array.from({ length: count }, (_, index) =>
      summary(`${index}-aaaaaaaaaaaa`, { state: 'dead' as const }),
    ),
    next,
  })
const redeliver = async () => ({ done: 3, refused: [] })

test('flows pause and resume', async () => {
  const cli = fakeCli({
    directory: projectFolder(),
    admin: { pause: async () => {}, resume: async () => {} },
  })
  expect(await cli.run('flows', 'pause', 'hello')).toBe(0)
  expect(cli.stdout()).toBe('hello is paused.\n')
  expect(await cli.run('flows', 'resume', 'hello', '--json')).toBe(0)
  expect(JSON.parse(cli.stdout())).toEqual({ flow: 'hello', paused: false })
  expect(cli.calls.filter(({ name }) => name.startsWith('admin.'))).toEqual([
    { name: 'admin.pause', args: ['hello'] },
    { name: 'admin.resume', args: ['hello'] },
  ])
})

test('cancel, and keys skip, with their notes', async () => {
  const states: MessageSummary['state'][] = ['dropped', 'active', 'active']
  const cli = fakeCli({
    directory: projectFolder(),
    admin: {
      cancel: async (id) => summary(id, { state: states.shift() ?? 'done' }),
      skipKey: async () => summary('3-cccccccccccc', { state: 'dead' }),
    },
  })
  expect(await cli.run('cancel', '1-aaaaaaaaaaaa', '--note', 'withdrawn')).toBe(0)
  expect(cli.calls.at(-1)).toEqual({ name: 'admin.cancel', args: ['1-aaaaaaaaaaaa', 'withdrawn'] })
  expect(cli.stdout()).toBe('1-aaaaaaaaaaaa is dropped.\n')
  expect(await cli.run('cancel', '2-bbbbbbbbbbbb', '--note', 'n')).toBe(0)
  expect(cli.stdout()).toContain(
    '2-bbbbbbbbbbbb is in the middle of a call. It is dropped when the call ends',
  )
  expect(await cli.run('cancel', '2-bbbbbbbbbbbb', '--note', 'n', '--json')).toBe(0)
  expect(JSON.parse(cli.stdout())).toEqual({ id: '2-bbbbbbbbbbbb', state: 'active', note: 'n' })
  expect(await cli.run('keys', 'skip', 'hello', 'Ada', '--note', 'broken')).toBe(0)
  expect(cli.calls.at(-1)).toEqual({ name: 'admin.skipKey', args: ['hello', 'Ada', 'broken'] })
  expect(cli.stdout()).toContain('3-cccccccccccc is a dead letter now, and hello goes on with key Ada.')
})

test('dead list looks for dead letters only', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { messages: page(1) } })
  expect(await cli.run('dead', 'list', '--flow', 'hello')).toBe(0)
  expect(cli.calls.at(-1)?.args).toEqual([{ flow: 'hello', states: ['dead'], children: true, limit: 50 }])
})

test('dead show refuses what is no dead letter', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { trace: async (id) => trace(id) } })
  expect(await cli.run('dead', 'show', '1-aaaaaaaaaaaa')).toBe(1)
  expect(cli.stderr()).toContain('1-aaaaaaaaaaaa is no dead letter, it is done.')
})

test('dead redeliver by id does not ask', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { redeliver } })
  expect(await cli.run('dead', 'redeliver', 'a', 'b', 'c', '--rate', '20', '--fresh', '--note', 'back')).toBe(
    0,
  )
  const [selection, options] = cli.calls.at(-1)?.args ?? []
  expect(selection).toEqual({ ids: ['a', 'b', 'c'] })
  expect(options).toMatchObject({ perSecond: 20, fresh: true, note: 'back' })
  expect(cli.stdout()).toBe('Redelivered 3 messages.\n')
})

test('a mass action asks on a terminal, and a no does nothing', async () => {
  const cli = fakeCli({
    directory: projectFolder(),
    admin: { redeliver, messages: page(3) },
    tty: true,
    answers: [false, true],
  })
  expect(await cli.run('dead', 'redeliver', '--flow', 'hello')).toBe(1)
  expect(cli.questions).toEqual(['Redeliver 3 messages?'])
  expect(cli.calls.map(({ name }) => name)).not.toContain('admin.redeliver')
  expect(await cli.run('dead', 'redeliver', '--flow', 'hello')).toBe(0)
  expect(cli.calls.at(-1)?.args[0]).toEqual({ query: { flow: 'hello', states: ['dead'] } })
})

test('where nobody can be asked, a mass action wants --yes', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { drop: redeliver, messages: page(3) } })
  expect(await cli.run('dead', 'drop', '--all', '--note', 'old')).toBe(2)
  expect(cli.stderr()).toContain('This would drop 3 messages. Repeat the command with --yes to do it.')
  expect(await cli.run('dead', 'drop', '--all', '--note', 'old', '--yes')).toBe(0)
  expect(cli.calls.at(-1)).toEqual({ name: 'admin.drop', args: [{ query: { states: ['dead'] } }, 'old'] })
})

test('other states than dead can be chosen', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { drop: redeliver, messages: page(1) } })
  expect(await cli.run('dead', 'drop', '--state', 'parked', '--note', 'old', '--yes')).toBe(0)
  expect(cli.calls.at(-1)?.args[0]).toEqual({ query: { states: ['parked'] } })
})

test.each([
  [['dead', 'redeliver'], 'Say which messages: ids, or --all'],
  [['dead', 'redeliver', 'a', '--all'], 'not both'],
  [['dead', 'drop', 'a', '--since', '1h', '--note', 'x'], 'not both'],
])('%j is wrong use', async (args, said) => {
  const cli = fakeCli({ directory: projectFolder(), admin: { redeliver, drop: redeliver } })
  expect(await cli.run(...args)).toBe(2)
  expect(cli.stderr()).toContain(said)
})

test('what was refused is shown and exits with 1', async () => {
  const outcome = { done: 1, refused: [{ id: 'b', error }] }
  const cli = fakeCli({ directory: projectFolder(), admin: { redeliver: async () => outcome } })
  expect(await cli.run('dead', 'redeliver', 'a', 'b')).toBe(1)
  expect(cli.stdout()).toContain('b   MESSAGE_STATE: It is done already.')
  expect(await cli.run('dead', 'redeliver', 'a', 'b', '--json')).toBe(1)
  expect(JSON.parse(cli.stdout())).toEqual(outcome)
})

test('doubt list says what to do next', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { messages: page(1) } })
  expect(await cli.run('doubt', 'list')).toBe(0)
  expect(cli.calls.at(-1)?.args).toEqual([{ states: ['inDoubt'], children: true, limit: 50 }])
  expect(cli.stderr()).toContain('linkspan doubt resolve ID')
})

test('doubt resolve, both ways', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { resolve: async () => {} } })
  expect(await cli.run('doubt', 'resolve', 'a', '--applied', '--result', '{"id":7}', '--note', 'found')).toBe(
    0,
  )
  expect(cli.calls.at(-1)?.args).toEqual(['a', true, { note: 'found', result: { id: 7 } }])
  expect(await cli.run('doubt', 'resolve', 'a', '--not-applied', '--note', 'absent')).toBe(0)
  expect(cli.calls.at(-1)?.args).toEqual(['a', false, { note: 'absent' }])
})

test.each([
  [['--note', 'x'], 'Say one of --applied'],
  [['--applied', '--not-applied', '--note', 'x'], 'Say one of --applied'],
  [['--not-applied', '--result', '1', '--note', 'x'], '--result goes with --applied'],
  [['--applied', '--result', '{id}', '--note', 'x'], 'The result is not JSON'],
])('doubt resolve %j is wrong use', async (args, said) => {
  const cli = fakeCli({ directory: projectFolder(), admin: { resolve: async () => {} } })
  expect(await cli.run('doubt', 'resolve', 'a', ...args)).toBe(2)
  expect(cli.stderr()).toContain(said)
  expect(cli.calls.map(({ name }) => name)).not.toContain('admin.resolve')
})

const accept = async () => ACCEPTED

test('send hands in a body from the argument, a file or stdin', async () => {
  const directory = tempFolder({ 'linkspan.config.ts': '', 'order.json': '{"n":2}' })
  const cli = fakeCli({ directory, admin: { accept }, stdin: '[3]' })
  expect(
    await cli.run(
      'send',
      'hello',
      '{"n":1}',
      '--key',
      'Ada',
      '--header',
      'a=1',
      '--header',
      'b=x=y',
      '--dedupe',
      'd1',
    ),
  ).toBe(0)
  expect(cli.stdout()).toBe('1-aaaaaaaaaaaa\n')
  expect(cli.stderr()).toBe('See its way with linkspan trace 1-aaaaaaaaaaaa\n')
  await cli.run('send', 'hello', '@order.json')
  await cli.run('send', 'hello', '-')
  await cli.run('send', 'hello')
  expect(cli.calls.filter(({ name }) => name === 'admin.accept').map(({ args }) => args)).toEqual([
    ['hello', { body: { n: 1 }, headers: { a: '1', b: 'x=y' }, dedupeKey: 'd1' }, { key: 'Ada' }],
    ['hello', { body: { n: 2 } }, {}],
    ['hello', { body: [3] }, {}],
    ['hello', { body: null }, {}],
  ])
})

test.each([
  ['{name:Ada}', `The body is not JSON`],
  ['@gone.json', 'The body cannot be read from'],
])('send refuses the body %s', async (body, said) => {
  const cli = fakeCli({ directory: projectFolder(), admin: { accept } })
  expect(await cli.run('send', 'hello', body)).toBe(2)
  expect(cli.stderr()).toContain(said)
})

test('raise hands in an event, and says when it was raised before', async () => {
  const answers = [ACCEPTED, { ...ACCEPTED, duplicate: true }]
  const cli = fakeCli({
    directory: projectFolder(),
    admin: { raise: async () => answers.shift() ?? ACCEPTED },
  })
  expect(await cli.run('raise', 'approved', 'order-17', '{"by":"Ada"}', '--header', 'a=b')).toBe(0)
  expect(cli.calls.at(-1)).toEqual({
    name: 'admin.raise',
    args: ['approved', 'order-17', { by: 'Ada' }, { headers: { a: 'b' } }],
  })
  expect(cli.stdout()).toBe(`${ACCEPTED.id}\n`)
  expect(cli.stderr()).toContain('approved is raised for order-17')
  await cli.run('raise', 'approved', 'order-17', '--dedupe', 'd')
  expect(cli.calls.at(-1)?.args).toEqual(['approved', 'order-17', null, { dedupeKey: 'd' }])
  expect(cli.stderr()).toContain('It was accepted before; this is the first one.')
})

test('groups complete tells how many, or that it goes on', async () => {
  const answers = [1, 12, null]
  const cli = fakeCli({
    directory: projectFolder(),
    admin: { completeGroups: async () => ({ id: 'c-1', groups: answers.shift() ?? null }) },
  })
  expect(await cli.run('groups', 'complete', 'bills', 'by customer', '--key', 'ada')).toBe(0)
  expect(cli.calls.at(-1)).toEqual({ name: 'admin.completeGroups', args: ['bills', 'by customer', 'ada'] })
  expect(cli.stdout()).toBe('1 group goes on.\n')
  await cli.run('groups', 'complete', 'bills', 'by customer')
  expect(cli.calls.at(-1)?.args).toEqual(['bills', 'by customer', null])
  expect(cli.stdout()).toBe('12 groups go on.\n')
  await cli.run('groups', 'complete', 'bills', 'by customer')
  expect(cli.stdout()).toBe('It is under way. See linkspan trace c-1\n')
})

test('events list tells how many nobody took', async () => {
  const cli = fakeCli({
    directory: projectFolder(),
    admin: { status: async () => ({ events: [{ event: 'approved', expired: 3 }] }) as never },
  })
  expect(await cli.run('events', 'list')).toBe(0)
  expect(cli.stdout()).toMatch(/EVENT +EXPIRED\napproved +3\n/)
})

test('send --wait prints the reply', async () => {
  const replies = [null, null, { reply: { text: 'Hello' } }]
  const states = ['active', 'active', 'done'] as const
  let asked = 0
  const cli = fakeCli({
    directory: projectFolder(),
    admin: {
      accept,
      trace: async (id) => trace(id, {}, { state: states[asked] ?? 'done' }),
      reply: async () => replies[asked++] ?? null,
    },
  })
  expect(await cli.run('send', 'hello', '1', '--wait', '--json')).toBe(0)
  expect(JSON.parse(cli.stdout())).toEqual({ ...ACCEPTED, state: 'done', reply: { text: 'Hello' } })
  expect(asked).toBe(3)
})

test('send --wait exits with 1 when the message ends badly or not in time', async () => {
  const admin = { accept, reply: async () => null }
  const dead = fakeCli({
    directory: projectFolder(),
    admin: { ...admin, trace: async (id) => trace(id, {}, { state: 'dead', error }) },
  })
  expect(await dead.run('send', 'hello', '1', '--wait', '--json')).toBe(1)
  expect(JSON.parse(dead.stdout())).toMatchObject({
    state: 'dead',
    error: 'MESSAGE_STATE: It is done already.',
  })
  expect(await dead.run('send', 'hello', '1', '--wait')).toBe(1)
  expect(dead.stderr()).toBe(`${ACCEPTED.id} dead\nMESSAGE_STATE: It is done already.\n`)
  const slow = fakeCli({
    directory: projectFolder(),
    admin: { ...admin, trace: async (id) => trace(id, {}, { state: 'waiting' }) },
  })
  expect(await slow.run('send', 'hello', '1', '--wait', '--timeout', '2s')).toBe(1)
  expect(slow.stderr()).toContain('has not ended within 2s; it is waiting and goes on')
  expect(slow.dependencies.terminal.now() - NOW).toBeLessThanOrEqual(2_000)
})

test('send tells what the flow refuses', async () => {
  const refuse = async () => {
    throw new LinkspanError('BODY_INVALID', 'The body does not fit: /name is missing.')
  }
  const cli = fakeCli({ directory: projectFolder(), admin: { accept: refuse } })
  expect(await cli.run('send', 'hello', '{}')).toBe(1)
  expect(cli.stderr()).toBe('error: The body does not fit: /name is missing.\n')
})
