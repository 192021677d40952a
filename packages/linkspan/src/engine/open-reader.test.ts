import { expect, test } from 'vitest'
import { inbox } from '../flow/inbox.ts'
import { flow } from '../flow/index.ts'
import { simulated } from '../journal/simulated/simulated.ts'
import { createEngine } from './create-engine.ts'
import { defineProject } from './define-project.ts'
import { openReader } from './open-reader.ts'

test('a stopped engine has stopped sources; what is paused is the flow that a person paused', async () => {
  const flows = ['orders', 'returns'].map((name) => flow(name).from(inbox<string>()))
  const project = defineProject({ journal: simulated(), flows, http: false })
  const engine = createEngine(project)
  await engine.start()
  await engine.admin.pause('returns')
  await engine.stop()
  const reader = await openReader(project)
  expect(await reader.status()).toMatchObject({ state: 'stopped' })
  expect((await reader.flows()).map(({ name, paused, source }) => [name, paused, source])).toEqual([
    ['orders', false, { state: 'stopped', error: null }],
    ['returns', true, { state: 'stopped', error: null }],
  ])
  await reader.close()
})
