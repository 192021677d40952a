import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest'
import { isLinkspanError, type LinkspanError } from '../../model/errors.ts'
import type { ByVerify, Natural, NoGuarantee } from '../../model/guarantee.ts'
import type { Operation } from '../connector.ts'
import { call, environment } from '../fixtures/call.ts'
import { type Appended, type FolderClient, filesConnector, folder, type Written } from './index.ts'

const ending: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ending.splice(0)) await end()
})

async function connected(): Promise<{
  client: FolderClient
  path: (name: string) => string
  outside: string
}> {
  const outside = await mkdtemp(join(tmpdir(), 'linkspan-files-'))
  ending.push(() => rm(outside, { recursive: true, force: true }))
  const client = await filesConnector.connect({ path: 'out', create: true }, environment(outside))
  return { client, path: (name) => join(outside, 'out', name), outside }
}

async function failing(promise: Promise<unknown> | undefined): Promise<LinkspanError> {
  const error = await promise?.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (isLinkspanError(error)) return error
  throw new Error(`expected a LinkspanError, had ${error}`)
}

const verified = { kind: 'verify', settleAfter: 0 } as const
const ledger = () => folder('out').append({ name: 'ledger', file: 'sub/ledger.ndjson', guarantee: verified })

describe('append', () => {
  it('adds one line with its mark, and finds it again', async () => {
    const { client, path } = await connected()
    const operation = ledger()
    expectTypeOf(operation).toEqualTypeOf<Operation<unknown, Appended, ByVerify>>()
    expect(await operation.verify?.(client, { id: 1 }, call())).toEqual({ state: 'absent' })
    const result = await operation.run(client, { id: 1 }, call({ mark: 'm1' }))
    await operation.run(client, { id: 2 }, call({ mark: 'm2' }))
    expect(await readFile(path('sub/ledger.ndjson'), 'utf8')).toBe(
      '{"id":1,"_mark":"m1"}\n{"id":2,"_mark":"m2"}\n',
    )
    expect(await operation.verify?.(client, { id: 1 }, call({ mark: 'm1' }))).toEqual({
      state: 'done',
      result,
    })
    expect(await operation.verify?.(client, { id: 1 }, call({ mark: 'm3' }))).toEqual({ state: 'absent' })
  })

  it('takes a line that was cut short for absent, and does not join its own to it', async () => {
    const { client, path } = await connected()
    const operation = ledger()
    await operation.run(client, { id: 1 }, call({ mark: 'm1' }))
    const whole = await readFile(path('sub/ledger.ndjson'), 'utf8')
    for (let cut = 1; cut < whole.length; cut += 5) {
      await writeFile(path('sub/ledger.ndjson'), `{"id":0}\n${whole}`)
      await truncate(path('sub/ledger.ndjson'), 9 + whole.length - cut)
      expect((await operation.verify?.(client, { id: 1 }, call({ mark: 'm1' })))?.state).toBe('absent')
      await operation.run(client, { id: 1 }, call({ mark: 'm1' }))
      expect((await operation.verify?.(client, { id: 1 }, call({ mark: 'm1' })))?.state).toBe('done')
      expect((await readFile(path('sub/ledger.ndjson'), 'utf8')).endsWith(`\n${whole}`)).toBe(true)
    }
  })

  it('finds a line anywhere in a large file, and only a whole one', async () => {
    const { client, path } = await connected()
    const operation = ledger()
    await mkdir(path('sub'), { recursive: true })
    const mine = '{"id":1,"_mark":"m1"}\n'
    for (const before of [0, 1, 1_048_576 - mine.length, 1_048_576 - 3, 1_048_576, 1_048_577, 2_500_000]) {
      const filler = before === 0 ? '' : `${'x'.repeat(before - 1)}\n`
      for (const after of [0, 1_048_576 - 5, 1_048_576]) {
        await writeFile(path('sub/ledger.ndjson'), filler + mine + 'y'.repeat(after))
        expect(
          (await operation.verify?.(client, { id: 1 }, call({ mark: 'm1' })))?.state,
          `${before} ${after}`,
        ).toBe('done')
        await writeFile(path('sub/ledger.ndjson'), `${filler}!${mine}${'y'.repeat(after)}`)
        expect(
          (await operation.verify?.(client, { id: 1 }, call({ mark: 'm1' })))?.state,
          `${before} ${after}`,
        ).toBe('absent')
      }
    }
  })

  it('keeps lines apart that are appended at once', async () => {
    const { client, path } = await connected()
    const operation = folder('out').append({
      name: 'a',
      file: 'a.txt',
      line: (n: number) => `${n}`,
      guarantee: { kind: 'none' },
    })
    expectTypeOf(operation).toEqualTypeOf<Operation<number, Appended, NoGuarantee>>()
    expect(operation.verify).toBeUndefined()
    await Promise.all(Array.from({ length: 50 }, (_, n) => operation.run(client, n, call())))
    const lines = (await readFile(path('a.txt'), 'utf8')).trim().split('\n')
    expect(lines.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n))
  })

  it('refuses a line without its mark, a line of two lines, and an input that can carry none', async () => {
    const { client, path } = await connected()
    const out = folder('out')
    const bare = out.append({ name: 'a', file: 'a.txt', line: () => 'x', guarantee: verified })
    expect(await failing(bare.run(client, 1, call()))).toMatchObject({
      code: 'CALL_REJECTED',
      retry: 'never',
      applied: 'no',
    })
    const two = out.append({
      name: 'b',
      file: 'a.txt',
      line: (_, { mark }) => `${mark}\nx`,
      guarantee: verified,
    })
    expect((await failing(two.run(client, 1, call()))).message).toContain('line break')
    expect((await failing(ledger().run(client, 5, call()))).message).toContain('_mark')
    await expect(stat(path('a.txt'))).rejects.toThrow()
  })
})

describe('write', () => {
  it('replaces a file whole and leaves nothing beside it', async () => {
    const { client, path } = await connected()
    const operation = folder('out').write({
      name: 'w',
      file: (input: { id: string }) => `tasks/${input.id}.json`,
    })
    expectTypeOf(operation).toEqualTypeOf<Operation<{ id: string }, Written, Natural>>()
    expect(operation.guarantee).toEqual({ kind: 'natural' })
    await operation.run(client, { id: 'é' }, call())
    expect(await operation.run(client, { id: 'é' }, call())).toEqual({ file: 'tasks/é.json', bytes: 11 })
    expect(await readFile(path('tasks/é.json'), 'utf8')).toBe('{"id":"é"}')
    expect(await readdir(path('tasks'))).toEqual(['é.json'])
    const bytes = folder('out').write({ name: 'b', file: 'b.bin', content: () => new Uint8Array([255, 0]) })
    await bytes.run(client, null, call())
    expect([...(await readFile(path('b.bin')))]).toEqual([255, 0])
  })

  it('that fails or is stopped changes nothing and says so', async () => {
    const { client, path } = await connected()
    const operation = folder('out').write({ name: 'w', file: (name: string) => name })
    await mkdir(path('folder/inside'), { recursive: true })
    expect(await failing(operation.run(client, 'folder', call()))).toMatchObject({
      code: expect.stringMatching(/^CALL_/),
      details: { code: expect.any(String) },
    })
    expect(
      await failing(operation.run(client, 'x.json', call({ signal: AbortSignal.abort() }))),
    ).toMatchObject({ code: 'CALL_FAILED', retry: 'later', applied: 'no' })
    expect(await readdir(path('.'))).toEqual(['folder'])
  })
})

describe('the folder', () => {
  it('is never left, by no name and no link', async () => {
    const { client, path, outside } = await connected()
    await mkdir(join(outside, 'elsewhere'))
    await writeFile(join(outside, 'elsewhere/x.txt'), 'old')
    await symlink(join(outside, 'elsewhere'), path('way'))
    await symlink(join(outside, 'elsewhere/x.txt'), path('x.txt'))
    await symlink(join(outside, 'new.txt'), path('dangling.txt'))
    const out = folder('out')
    const append = out.append({
      name: 'a',
      file: (name: string) => name,
      line: () => 'x',
      guarantee: { kind: 'none' },
    })
    const write = out.write({ name: 'w', file: (name: string) => name })
    for (const name of [
      '../x.txt',
      'a/../../x.txt',
      join(outside, 'x.txt'),
      'way/x.txt',
      'way/new/x.txt',
      'x.txt',
      'dangling.txt',
      '',
      '.',
      'a\0b',
    ]) {
      for (const operation of [append, write]) {
        expect(await failing(operation.run(client, name, call())), name).toMatchObject({
          code: 'CALL_REJECTED',
          retry: 'never',
          applied: 'no',
        })
      }
    }
    expect(await readFile(join(outside, 'elsewhere/x.txt'), 'utf8')).toBe('old')
    expect((await readdir(outside)).sort()).toEqual(['elsewhere', 'out'])
    expect(await readdir(join(outside, 'elsewhere'))).toEqual(['x.txt'])
  })

  it('that cannot be used says why', async () => {
    const { outside } = await connected()
    await appendFile(join(outside, 'file'), 'x')
    const open = (config: { path: string; create: boolean }) =>
      failing(filesConnector.connect(config, environment(outside)))
    expect(await open({ path: 'nowhere', create: false })).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('create: true'),
    })
    expect(await open({ path: 'file', create: true })).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(filesConnector.config['~standard'].validate({})).toMatchObject({ issues: [{ path: ['path'] }] })
  })
})
