import { flow, inbox, LinkspanError } from 'linkspan'
import { simulated } from 'linkspan/journal'
import { fakeOperation } from 'linkspan/testing'
import { expect, it } from 'vitest'
import { changed } from '../faults/support.ts'
import { rig } from './rig.ts'

it('a parent gets what its children made while it could not read the journal', async () => {
  const twice = fakeOperation<number, number>('twice.of', { kind: 'natural' }, { result: (n) => n * 2 })
  let isSilent = true
  twice.when(() => (isSilent ? 'silent' : undefined))
  const add = flow('add')
    .from(inbox<number[]>())
    .split(
      'each',
      (numbers) => numbers,
      (number) =>
        number
          .call('twice', twice, { input: (n) => n, as: 'doubled' })
          .map('out', (_n, { doubled }) => doubled),
      { join: 'collect', as: 'doubled' },
    )
    .reply('doubled', (_numbers, { doubled }) => doubled)
  let reads = 0
  const journal = changed(simulated(), ({ backlog }) => ({
    backlog: {
      ...backlog,
      pageOfParent: async (...args) => {
        reads += 1
        // The children of the first page are on their way when the second cannot be read.
        if (reads === 2)
          throw new LinkspanError('JOURNAL_UNREACHABLE', 'gone for a moment', { retry: 'later' })
        return backlog.pageOfParent(...args)
      },
    },
  }))
  await using engine = await rig([add], { journal })
  const { id } = await engine.send(add, [1, 2, 3])
  await engine.stop({ within: '1s' })
  isSilent = false
  await engine.start()
  await engine.advance('2h')
  expect(reads).toBeGreaterThan(2)
  expect(await engine.reply(id)).toEqual([2, 4, 6])
})
