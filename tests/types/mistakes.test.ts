import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const source = join(root, 'packages/linkspan/src')

const HEAD = `import { channel, flow, inbox } from 'flow'
import type { Operation } from 'connector'
interface Issue { number: number; title: string; labels: string[] }
declare const close: Operation<{ id: number }, { closed: boolean }, { kind: 'natural' }>
declare const post: Operation<{ text: string }, void, { kind: 'none' }>
const orders = channel<{ order: string }>('orders')
const issues = flow('issues').from(inbox<Issue>())
`

/** Typical mistakes, each in a file of its own on line 8. */
const mistakes = {
  'a field that the body does not have': `export const x = issues.filter('bugs', (issue) => issue.lables.includes('bug'))`,
  'a field of a bound result that it does not have': `export const x = issues.call('close', close, { input: (i) => ({ id: i.number }), as: 'done' }).map((_i, { done }) => done.close)`,
  'an input that the operation does not take': `export const x = issues.to('close', close, { input: (issue) => ({ id: issue.title }) })`,
  'no input where the body is not one': `export const x = issues.to('close', close)`,
  'options without the input': `export const x = issues.call('close', close, { as: 'done' })`,
  'guarantee none without an acknowledgement': `export const x = issues.to('tell', post, { input: (issue) => ({ text: issue.title }) })`,
  'a name that is taken': `export const x = issues.call('close', close, { input: (i) => ({ id: i.number }), as: 'headers' })`,
  'a body that the channel does not carry': `export const x = issues.publish('sell', orders, { body: (issue) => ({ order: issue.number }) })`,
  'an asynchronous map': `export const x = issues.map('load', async (issue) => issue.title)`,
  'a scope that answers nothing': `export const x = issues.split('labels', (i) => i.labels, (label) => { label.map((l) => l) })`,
  'a body that has nothing to sort': `export const x = issues.sort('by title', (a, b) => a.title.localeCompare(b.title))`,
  'a target that there is not': `export const x = issues.loadBalance('farm', (b) => b.target('one', (s) => s).target('two', (s) => s), { by: { choose: () => 'three' } })`,
  'recipients that are no names': `export const x = issues.recipients('tell', (i) => i.number, (r) => r.branch('a', (s) => s))`,
  'a claim that nobody put aside': `export const x = issues.claimSet('keep', 'issue').claimGet('back', 'isue')`,
  'a pop without a push': `export const x = issues.claimPop('back')`,
  'a call that a process does not declare': `export const x = issues.process('p', { uses: { close } }, async (issue, ctx) => ctx.call('shut', { id: issue.number }))`,
  'an input that a process gives wrongly': `export const x = issues.process('p', { uses: { close } }, async (issue, ctx) => ctx.call('close', { id: issue.title }))`,
  'guarantee none in a process without an acknowledgement': `export const x = issues.process('p', { uses: { post } }, async () => 1)`,
  'items that are none': `export const x = issues.split('labels', (i) => i.number, (label) => label)`,
} as const

/** What the compiler says of each, without the place. */
let told: ReadonlyMap<string, string>
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mistakes-'))
  const files = Object.values(mistakes).map((code, index) =>
    writeFile(join(folder, `m${index}.ts`), `${HEAD}${code}\n`),
  )
  const options = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      typeRoots: [join(root, 'node_modules/@types')],
      noUnusedLocals: false,
      paths: { flow: [join(source, 'flow/index.ts')], connector: [join(source, 'connect/connector.ts')] },
    },
    files: Object.values(mistakes).map((_code, index) => `m${index}.ts`),
    include: [],
  }
  await Promise.all([
    ...files,
    writeFile(join(folder, 'package.json'), '{ "type": "module" }'),
    writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options)),
  ])
  told = byMistake(await compile(folder))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

function compile(project: string): Promise<string> {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  return new Promise((done) => {
    execFile(
      process.execPath,
      [compiler, '-p', project, '--noEmit', '--pretty', 'false'],
      { cwd: project },
      (_failed, out) => done(out),
    )
  })
}

/** An error begins a line with its file; what follows indented belongs to it. */
function byMistake(output: string): ReadonlyMap<string, string> {
  const names = Object.keys(mistakes)
  const errors = new Map<string, string>()
  let current = ''
  for (const line of output.trimEnd().split('\n')) {
    const found = /^m(\d+)\.ts\((\d+),\d+\): error (.*)$/.exec(line)
    if (found) current = names[Number(found[1])] as string
    else if (!line.startsWith(' ')) current = 'elsewhere'
    const text = found ? `${found[2] === '8' ? '' : `line ${found[2]}: `}${found[3]}` : line
    errors.set(current, errors.has(current) ? `${errors.get(current)}\n${text}` : text)
  }
  return errors
}

describe('what the compiler says of a mistake', () => {
  it.each(Object.keys(mistakes))('%s', (mistake) => {
    expect(told.get(mistake)).toMatchSnapshot()
  })

  it('is short, at the mistake, and about nothing else', () => {
    expect([...told.keys()].sort()).toEqual(Object.keys(mistakes).sort())
    for (const [mistake, text] of told) {
      expect(text.split('\n').length, mistake).toBeLessThanOrEqual(3)
      expect(text.length, mistake).toBeLessThan(420)
      expect(text, mistake).not.toMatch(/^line/m)
    }
  })
})
