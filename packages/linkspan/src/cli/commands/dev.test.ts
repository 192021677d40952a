import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeCli } from '../fixtures/fake-cli.ts'
import { projectFolder, tempFolder } from '../fixtures/temp-folder.ts'

test('dev runs the engine in a child with readable logs, and stops it on Ctrl-C', async () => {
  const directory = projectFolder()
  const ended = Promise.withResolvers<number>()
  const ready = Promise.withResolvers<{ url: string }>()
  const launched: unknown[] = []
  const cli = fakeCli({
    directory,
    dev: {
      launch: (file, args) => {
        launched.push([file, ...args])
        return {
          ready: ready.promise,
          ended: ended.promise,
          stop: (killAfterMs) => {
            launched.push(killAfterMs)
            ended.resolve(0)
          },
        }
      },
    },
  })
  const code = cli.run('dev', '--within', '2s')
  ready.resolve({ url: 'http://127.0.0.1:7070' })
  await new Promise((resolve) => setImmediate(resolve))
  cli.signal('SIGINT')
  expect(await code).toBe(0)
  expect(launched[0]).toEqual([
    join(directory, 'linkspan.config.ts'),
    ...['--log', 'text', '--log-level', 'info', '--within', '2s'],
  ])
  expect(launched.slice(1).every((limit) => limit === 12_000)).toBe(true)
  expect(cli.stdout()).toBe(
    'dev 0 flows\ndev running at http://127.0.0.1:7070. Ctrl-C stops it.\n      "linkspan console" prints the address of its console.\ndev stopping\n',
  )
})

test('dev needs a project', async () => {
  const cli = fakeCli({ directory: tempFolder() })
  expect(await cli.run('dev')).toBe(3)
  expect(cli.stderr()).toContain('There is no linkspan.config.ts')
})
