import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../fixtures/temp-folder.ts'
import { launchChild, probeInChild } from './child-processes.ts'

/** A folder with a program in the place of the command line. */
function standIn(source: string) {
  const directory = tempFolder({ 'bin.mjs': source })
  return { bin: join(directory, 'bin.mjs'), directory }
}

const READY = `process.send({ ready: { url: process.argv.slice(2).join(' ') } }); setInterval(() => {}, 1000);`

test('an engine in a child process says when it is ready, and ends when it is asked to', async () => {
  const child = launchChild(
    standIn(`${READY} process.on('message', (word) => word === 'stop' && process.exit(0))`),
    '/p.ts',
    ['--log', 'text'],
  )
  expect(await child.ready).toEqual({ url: 'run --project /p.ts --log text' })
  child.stop(60_000)
  expect(await child.ended).toBe(0)
})

test('one that does not end within the limit is killed', async () => {
  const child = launchChild(standIn(READY), '/p.ts', [])
  await child.ready
  child.stop(50)
  expect(await child.ended).toBe(null)
})

test('one that ends before it is ready says with which code', async () => {
  const child = launchChild(standIn('process.exit(3)'), '/p.ts', [])
  await expect(child.ready).rejects.toThrow('it ended with exit code 3, for the reason above')
  expect(await child.ended).toBe(3)
})

test('a probe that has answered is ended, although the project keeps its process busy', async () => {
  const probe = { ok: true, flows: [], files: ['/p.ts'] }
  const source = `process.send({ probe: ${JSON.stringify(probe)} }); setInterval(() => {}, 1000)`
  expect(await probeInChild(standIn(source), '/p.ts')).toEqual(probe)
})
