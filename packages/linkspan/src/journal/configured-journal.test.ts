import { expect, it } from 'vitest'
import { markedReference } from '../model/reference.ts'
import { configuredJournal } from './configured-journal.ts'
import type { JournalEnvironment, JournalFactory } from './journal.ts'
import { postgres } from './postgres/postgres.ts'
import { sqlite } from './sqlite/sqlite.ts'

const at = (place: string): JournalFactory => ({
  kind: place,
  open: () => Promise.reject(new Error(place)),
  openForReading: () => Promise.reject(new Error(place)),
})
const environment = {} as JournalEnvironment
const reference = markedReference({ kind: 'env', name: 'PLACE' })

it('makes a journal at once of options that are values', () => {
  expect(configuredJournal('test', { place: 'here' }, ({ place }) => at(place))).toMatchObject({
    kind: 'here',
  })
})

it('waits for the values of references, and says so where it is opened without them', async () => {
  const made = configuredJournal(
    'test',
    { place: reference as typeof reference | string, count: 2 },
    (found) => at(`${found.place} ${found.count}`),
  )
  for (const open of [made.open, made.openForReading])
    await expect(open(environment)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining("test(…) was opened before env('PLACE') was looked up"),
    })
  const { options, withValues } = made.configuration ?? expect.fail('it has no configuration')
  expect(options).toEqual({ place: reference, count: 2 })
  expect(withValues({ place: 'there', count: 2 }).kind).toBe('there 2')
})

it('is how sqlite and postgres are configured', () => {
  expect(sqlite('a.db').configuration).toBeUndefined()
  expect(sqlite(reference).configuration?.withValues({ path: 'a.db' }).configuration).toBeUndefined()
  expect(postgres({ url: 'postgres://h/d' }).configuration).toBeUndefined()
  expect(postgres({ url: reference }).configuration?.options).toEqual({ url: reference })
  expect(postgres({ url: 'postgres://h/d', schema: reference }).configuration).toBeDefined()
})
