import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { importClient } from './client.ts'

test('finds the package of the project, or else its own', async () => {
  expect((await importClient(process.cwd())).Client).toBeTypeOf('function')
  expect((await importClient(tmpdir())).Client).toBeTypeOf('function')
})

test('says what to install when it is missing', async () => {
  const nowhere = pathToFileURL(join(tmpdir(), 'nowhere', 'client.js')).href
  await expect(importClient('/srv/my-project', nowhere)).rejects.toMatchObject({
    code: 'CLIENT_MISSING',
    message: expect.stringContaining('not installed in /srv/my-project. Run: npm install pg@8'),
  })
})
