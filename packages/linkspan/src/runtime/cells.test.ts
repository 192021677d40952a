import { expect, it } from 'vitest'
import type { StateChange } from '../journal/journal.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { createCells } from './cells.ts'
import { openCell } from './codec.ts'
import type { Committer } from './committer.ts'

it('a change that answers later is told the time, and the next one is made from what it came to', async () => {
  const clock = virtualClock()
  const committed: (string | null)[] = []
  const committer = {
    state: (change: () => StateChange) => void committed.push(change().key),
    after: (run: () => void) => clock.defer(run),
  } as unknown as Committer
  const cells = createCells({ get: async () => null, list: async () => [] }, committer, clock)
  const made: number[] = []
  const recorder = { write: (result: number) => void made.push(result), frame: never, kept: never }
  let answer = (_at: number): void => undefined
  const asked = new Promise<number>((resolve) => {
    answer = resolve
  })
  const slow = cells.update(
    's',
    'k',
    async (present, at) => {
      const value = Number(present ?? 0) + (await asked)
      expect(at).toBe(clock.now())
      return { value, result: value }
    },
    recorder,
  )
  const next = cells.update('s', 'k', (present) => ({ value: null, result: Number(present) * 2 }), recorder)
  await clock.run()
  expect(made).toEqual([])
  answer(20)
  await clock.run()
  expect(await Promise.all([slow, next])).toEqual([20, 40])
  expect(committed).toEqual(['k', 'k'])
})

/** One cell over a journal that commits when it is told to, and counts how often it was read. */
function oneCell() {
  const clock = virtualClock()
  let open: (() => StateChange)[] = []
  let after: (() => void)[] = []
  let stored: Uint8Array | null = null
  const seen = { reads: 0, written: 0 }
  const committer = {
    state: (change: () => StateChange) => void open.push(change),
    after: (run: () => void) => void after.push(run),
  } as unknown as Committer
  const get = async (): Promise<Uint8Array | null> => {
    seen.reads += 1
    return stored
  }
  const cells = createCells({ get, list: async () => [] }, committer, clock)
  const recorder = { write: () => undefined, frame: never, kept: never }
  return {
    seen,
    update: (change: Parameters<typeof cells.update<number>>[2]) => cells.update('s', 'k', change, recorder),
    commit: async () => {
      const changes = open.map((make) => make())
      const answers = after
      open = []
      after = []
      seen.written += changes.length
      await clock.run()
      for (const { value } of changes) stored = value
      for (const answer of answers) answer()
    },
    stored: () => (stored === null ? null : openCell(stored, 's', 'k').v),
  }
}

const added: Parameters<ReturnType<typeof oneCell>['update']>[0] = (present) => ({
  value: Number(present ?? 0) + 1,
  result: Number(present ?? 0) + 1,
})

it('a cell in use is read once, and what changes between two commits is written once', async () => {
  const { update, commit, stored, seen } = oneCell()
  expect(await Promise.all([update(added), update(added), update(added)])).toEqual([1, 2, 3])
  const committing = commit()
  expect(await update(added)).toBe(4)
  await committing
  expect([stored(), seen.written]).toEqual([3, 1])
  await commit()
  expect(await update(added)).toBe(5)
  await commit()
  expect([stored(), seen]).toEqual([5, { reads: 1, written: 3 }])
})

it('a change that spoils the value it was given, and fails, changes nothing', async () => {
  const { update, commit, stored } = oneCell()
  await update(() => ({ value: { names: ['a'] }, result: 0 }))
  await commit()
  const spoil = update((present) => {
    const { names } = present as { names: string[] }
    names.push('spoilt')
    throw new Error('no')
  })
  await expect(spoil).rejects.toThrow('no')
  let found: unknown
  await update((present) => {
    found = present
    return { value: present, result: 0 }
  })
  await commit()
  expect([found, stored()]).toEqual([{ names: ['a'] }, { names: ['a'] }])
})

it('a removed cell is gone, and so is one whose time is over', async () => {
  const { update, commit, stored } = oneCell()
  await update(added)
  await update(() => ({ value: null, result: 0 }))
  await commit()
  expect(stored()).toBeNull()
  expect(await update(() => ({ value: 7, until: 0, result: 0 }))).toBe(0)
  await commit()
  expect(await update(added)).toBe(1)
})

function never(): never {
  throw new Error('not here')
}
