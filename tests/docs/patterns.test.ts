import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { examples } from '../../examples/patterns/lib/examples.ts'
import { ENTRIES } from '../../packages/linkspan/src/catalogue/index.ts'
import { walkSteps } from '../../packages/linkspan/src/model/flow-definition.ts'
import { patterns } from '../../packages/linkspan/src/patterns/index.ts'
import { filesBelow, root } from '../../scripts/lib/files.ts'
import { exampleOf, pageOf, shownEntries, WRITTEN } from './patterns.ts'

const withoutPage = ENTRIES.filter(({ state }) => state !== 'shown')
const named = (state: string): readonly string[] =>
  withoutPage.filter((entry) => entry.state === state).map(({ name }) => name)

it(`${shownEntries.length} of 68 entries are shown; ${named('page to come').length} pages are to come, ${named('not built yet').length} entries are not built yet`, () => {
  expect(shownEntries.length + withoutPage.length).toBe(68)
  expect(shownEntries.length).toBeGreaterThan(10)
})

describe.each(shownEntries.map((entry) => [entry.name, entry] as const))('%s', (_name, entry) => {
  const page = existsSync(join(root, pageOf(entry))) ? readFileSync(join(root, pageOf(entry)), 'utf8') : ''

  it('has a page and an example', () => {
    expect(page, `${pageOf(entry)} is missing: tests/docs/update.ts begins it`).not.toBe('')
    expect([...examples.keys()], `${exampleOf(entry)} is missing`).toContain(entry.slug)
  })

  it('says what it is for, what survives a crash, and what happens on failure', () => {
    expect(written(page, null).length, 'the text below its title').toBeGreaterThan(80)
    for (const title of WRITTEN) expect(written(page, title).length, title).toBeGreaterThan(60)
  })

  it('shows the steps that it names', () => {
    const shown = kindsOf(entry.slug)
    if (entry.is !== undefined) expect(shown).toContain(entry.is)
    for (const kind of entry.with ?? []) expect(shown).toContain(kind)
  })
})

it('no page and no example is of an entry that is not shown', () => {
  const slugs = shownEntries.map(({ slug }) => slug).sort()
  const pages = filesBelow(join(root, 'docs/patterns'), (path) => path !== 'README.md')
  expect(pages.map((path) => path.replace(/\.md$/, '')).sort()).toEqual(slugs)
  expect([...examples.keys()].sort()).toEqual(slugs)
})

// The sweep of every example is examples/patterns/examples.test.ts.
it.each(
  patterns
    .filter(({ stepClass }) => stepClass === 'stateful' || stepClass === 'effect')
    // The engine's own, which no builder makes: the aggregator's test sweeps it.
    .filter(({ methods }) => Object.keys(methods).length > 0)
    .map(({ kind }) => kind),
)('the step %s is in a flow that is swept for crashes', (kind) => {
  expect(readFileSync(join(root, 'examples/patterns/examples.test.ts'), 'utf8')).toContain('crashSweep(flows')
  const swept = [...examples.keys()].flatMap(kindsOf)
  expect(swept, `no example in examples/patterns has the step ${kind}`).toContain(kind)
})

/** What a person wrote under a heading, or under the title. */
function written(page: string, title: string | null): string {
  const text = page.replaceAll(/<!-- generated: ([\w-]+) -->[\s\S]*?<!-- \/generated: \1 -->/g, '')
  const parts = text.split(/^## /m)
  if (title === null) return (parts[0] ?? '').trim()
  const part = parts.find((each) => each.startsWith(`${title}\n`)) ?? ''
  return part.slice(title.length).trim()
}

/** The kinds of steps in an example's flows. */
function kindsOf(slug: string): readonly string[] {
  const kinds = new Set<string>()
  for (const { definition } of examples.get(slug)?.flows ?? []) {
    walkSteps(definition.steps, ({ kind }) => void kinds.add(kind))
    walkSteps(definition.fallback ?? [], ({ kind }) => void kinds.add(kind))
  }
  return [...kinds]
}
