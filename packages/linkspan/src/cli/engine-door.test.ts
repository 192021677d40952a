import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LinkspanError } from '../model/errors.ts'
import { fakeCli, flowStatus } from './fixtures/fake-cli.ts'
import { projectFolder, tempFolder } from './fixtures/temp-folder.ts'

const flows = async () => [flowStatus('hello')]

test('a running engine is asked', async () => {
  const cli = fakeCli({ directory: projectFolder(), admin: { flows } })
  expect(await cli.run('flows', 'list')).toBe(0)
  expect(cli.calls.map(({ name }) => name)).toEqual([
    'library.findEngine',
    'library.createAdminClient',
    'admin.flows',
  ])
})

test('the engine is looked for beside the project file, also from a folder below', async () => {
  const directory = tempFolder({ 'linkspan.config.ts': '', 'flows/deep/x.ts': '' })
  const cli = fakeCli({ directory: join(directory, 'flows', 'deep'), admin: { flows } })
  expect(await cli.run('flows', 'list')).toBe(0)
  expect(cli.calls[0]).toEqual({ name: 'library.findEngine', args: [directory] })
})

test('--url and --token name another one; the token may come from the environment', async () => {
  const cli = fakeCli({ admin: { flows }, env: { LINKSPAN_TOKEN: 'secret' } })
  expect(await cli.run('flows', 'list', '--url', 'http://10.0.0.1:7070/')).toBe(0)
  expect(cli.calls[0]).toEqual({
    name: 'library.createAdminClient',
    args: [{ url: 'http://10.0.0.1:7070', token: 'secret' }],
  })
})

test('without an engine, reading verbs read the journal it left, and close it', async () => {
  const cli = fakeCli({ directory: projectFolder(), running: null, reader: { flows } })
  expect(await cli.run('flows', 'list')).toBe(0)
  expect(cli.calls.map(({ name }) => name)).toEqual([
    'library.findEngine',
    'library.openReader',
    'reader.flows',
    'reader.close',
  ])
})

test('the journal is closed also when reading fails', async () => {
  const fail = async () => {
    throw new LinkspanError('MESSAGE_UNKNOWN', 'There is no message x.')
  }
  const cli = fakeCli({ directory: projectFolder(), running: null, reader: { trace: fail } })
  expect(await cli.run('trace', 'x')).toBe(1)
  expect(cli.calls.at(-1)?.name).toBe('reader.close')
})

test('the address of an engine that was killed is not believed', async () => {
  const cli = fakeCli({ directory: projectFolder(), alive: false, reader: { flows } })
  expect(await cli.run('flows', 'list')).toBe(0)
  expect(cli.calls.map(({ name }) => name)).toContain('reader.flows')
})

test('verbs that change something need an engine, and say how to start one', async () => {
  const directory = projectFolder()
  const cli = fakeCli({ directory, running: null })
  expect(await cli.run('flows', 'pause', 'hello')).toBe(3)
  expect(cli.stderr()).toContain(
    `No engine is running for ${join(directory, 'linkspan.config.ts')}. Start it with linkspan run`,
  )
})

test('outside a project there is nothing to reach', async () => {
  const cli = fakeCli({ directory: tempFolder() })
  expect(await cli.run('messages')).toBe(3)
  expect(cli.stderr()).toContain('There is no linkspan.config.ts in')
})

test('replay and check use the code on disk although an engine runs', async () => {
  const report = { messages: 0, unchanged: 0, differences: [] }
  const cli = fakeCli({ directory: projectFolder(), reader: { replay: async () => report } })
  expect(await cli.run('replay', '--since', '1h')).toBe(0)
  expect(cli.calls.map(({ name }) => name)).toEqual(['library.openReader', 'reader.replay', 'reader.close'])
})
