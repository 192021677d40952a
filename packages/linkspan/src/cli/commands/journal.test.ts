import { expect, test } from 'vitest'
import { LinkspanError } from '../../model/errors.ts'
import { fakeCli, fakeProject } from '../fixtures/fake-cli.ts'
import { tempFolder } from '../fixtures/temp-folder.ts'
import type { Library } from '../library.ts'

const copied = {
  from: 'sqlite hub.db',
  to: 'postgres db/hub, schema hub',
  counts: { messages: 1200, cells: 1, dedupeKeys: 0, cursors: 2 },
  takenUp: 0,
  resumedAt: 0,
}
const folder = (): string => tempFolder({ 'linkspan.config.ts': '', 'new/other.config.ts': '' })

function cliWith(answer: Library['copyJournal']) {
  return fakeCli({ directory: folder(), project: fakeProject(), library: { copyJournal: answer } })
}

function optionsOf(calls: readonly { readonly name: string; readonly args: readonly unknown[] }[]): unknown {
  return calls.find(({ name }) => name === 'library.copyJournal')?.args[2]
}

test('journal copy hands both projects and their folders over, and says what was copied', async () => {
  const cli = cliWith(async () => copied)
  expect(await cli.run('journal', 'copy', '--to', 'new/other.config.ts')).toBe(0)
  const text = cli.stdout()
  expect(text).toContain(
    'Copied 1,200 messages, 1 cell of state, 0 dedupe keys, 2 cursors from sqlite hub.db to postgres db/hub, schema hub.',
  )
  expect(text).not.toContain('from before')
  expect(cli.stderr()).toContain('never run both')
  const options = optionsOf(cli.calls) as { readonly directory: string; readonly targetDirectory: string }
  expect(options.targetDirectory).toBe(`${options.directory}/new`)
  expect(options).toMatchObject({ anew: false })
})

test('journal copy tells what was there from before, and what was running', async () => {
  const cli = cliWith(async () => ({ ...copied, takenUp: 3, resumedAt: 1000 }))
  expect(await cli.run('journal', 'copy', '--to', 'new/other.config.ts', '--anew')).toBe(0)
  const text = cli.stdout()
  expect(text).toContain('1,000 messages of them were there from before.')
  expect(text).toContain('3 messages were running')
  expect(optionsOf(cli.calls)).toMatchObject({ anew: true })
})

test('journal copy --json prints one document', async () => {
  const cli = cliWith(async () => copied)
  expect(await cli.run('journal', 'copy', '--to', 'new/other.config.ts', '--json')).toBe(0)
  expect(JSON.parse(cli.stdout())).toEqual({ ...copied, seconds: expect.any(Number) })
  expect(cli.stderr()).toBe('')
})

test('journal copy exits with 3 where a journal cannot be opened, and with 2 without --to', async () => {
  const cli = cliWith(async () => {
    throw new LinkspanError('JOURNAL_IN_USE', 'An engine has it.')
  })
  expect(await cli.run('journal', 'copy', '--to', 'new/other.config.ts')).toBe(3)
  expect(cli.stderr()).toContain('An engine has it.')
  expect(await cli.run('journal', 'copy')).toBe(2)
  expect(await cli.run('journal', 'copy', '--to', 'nowhere.ts')).toBe(3)
  expect(cli.stderr()).toContain('nowhere.ts')
})
