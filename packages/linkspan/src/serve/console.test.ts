import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { CONSOLE_PATH, consoleEndpoints, consoleLink } from './console.ts'
import type { Answer, Exchange } from './exchange.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function built(): string {
  const folder = mkdtempSync(join(tmpdir(), 'linkspan-console-'))
  folders.push(folder)
  mkdirSync(join(folder, 'assets'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html>')
  writeFileSync(join(folder, 'assets', 'index-1a2b.js'), 'run()')
  writeFileSync(join(folder, 'assets', 'index-1a2b.js.map'), '{}')
  return folder
}

function answered(folder: string | null, path: string): Promise<Answer> | undefined {
  return consoleEndpoints(folder)
    .find((endpoint) => endpoint.path === path)
    ?.handle({} as Exchange, {})
}

it('serves each file that is there, and nothing else', () => {
  expect(consoleEndpoints(built()).map(({ path }) => path)).toEqual(
    expect.arrayContaining([CONSOLE_PATH, `${CONSOLE_PATH}assets/index-1a2b.js`, CONSOLE_PATH.slice(0, -1)]),
  )
  expect(consoleEndpoints(built())).toHaveLength(3)
})

it('lets the page load and run nothing but what comes from here', async () => {
  const page = await answered(built(), CONSOLE_PATH)
  expect(page).toMatchObject({ status: 200, body: '<!doctype html>' })
  const policy = page?.headers['content-security-policy'] ?? ''
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
  expect(policy).not.toMatch(/unsafe|https?:|\*/)
  expect(page?.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
})

it('lets browsers keep what is named after its content', async () => {
  const file = await answered(built(), `${CONSOLE_PATH}assets/index-1a2b.js`)
  expect(file?.headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
  })
})

it('says what to do where it is not built', async () => {
  expect(await answered(null, CONSOLE_PATH)).toMatchObject({
    status: 404,
    body: expect.stringContaining('npm run build'),
  })
})

it('has the token where browsers keep it to themselves', () => {
  const link = new URL(consoleLink('http://127.0.0.1:7070/', 'a b&c'))
  expect(link.pathname).toBe(CONSOLE_PATH)
  expect(link.search).toBe('')
  expect(new URLSearchParams(link.hash.slice(1)).get('token')).toBe('a b&c')
})
