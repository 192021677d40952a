import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { databasePerTest } from '../journals/postgres/databases.ts'

const database = databasePerTest()

it('leaves a journal of ended messages that fits together and that an engine opens', async () => {
  const fill = fileURLToPath(new URL('../../bench/linkspan/fill-postgres.ts', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, ['--conditions=source', fill], {
    env: { ...process.env, DATABASE_URL: database.url, LINKSPAN_ENDED: '4500' },
  })
  expect(status, stderr.toString()).toBe(0)

  const journal = await database.open()
  expect(await journal.history.verify(() => undefined)).toEqual([])
  expect(await journal.history.stats()).toMatchObject({ ended: 4500, waiting: 0, lastSeq: 4500 })
  expect(journal.opened).toMatchObject({ crashed: false, historySize: 4500 })
})
