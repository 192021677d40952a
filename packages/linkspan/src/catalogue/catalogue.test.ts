import { describe, expect, it } from 'vitest'
import { patterns } from '../patterns/index.ts'
import { CATALOGUE, ENTRIES } from './catalogue.ts'
import { FAMILIES } from './entry.ts'
import { findEntry } from './find-entry.ts'
import { LANGUAGE } from './language.ts'
import { NOT_BUILT_YET, PAGE_TO_COME } from './without-page.ts'

const kinds = patterns.map(({ kind }) => kind)
const names = ENTRIES.map(({ name }) => name)

describe('the catalogue', () => {
  it('has all 68 entries of the catalogue, in its seven families', () => {
    expect([...CATALOGUE.keys()]).toEqual(FAMILIES)
    expect([...CATALOGUE.values()].map(({ length }) => length)).toEqual([6, 8, 5, 24, 7, 12, 6])
    expect(new Set(names).size).toBe(68)
  })

  // What no builder method makes is the engine's own, and nothing to look up.
  const written = patterns.filter(({ methods }) => Object.keys(methods).length > 0).map(({ kind }) => kind)

  it.each(written)('has an entry for the step %s', (kind) => {
    const found = ENTRIES.filter((entry) => entry.is === kind || entry.with?.includes(kind))
    const how = `add "${kind}" to an entry in catalogue/ (as "is" where the entry is that step), and take the entry out of catalogue/without-page.ts when it has its page`
    const words = LANGUAGE.filter(({ step }) => step === kind)
    expect(found.length + words.length, how).toBeGreaterThan(0)
  })

  it('names no step that is not there, and each as one entry only', () => {
    const named = [
      ...ENTRIES.flatMap((entry) => [entry.is, ...(entry.with ?? [])]),
      ...LANGUAGE.map(({ step }) => step),
    ].filter((kind) => kind !== undefined)
    expect(named.filter((kind) => !kinds.includes(kind))).toEqual([])
    const homes = ENTRIES.flatMap(({ is }) => (is === undefined ? [] : [is]))
    expect(new Set(homes).size).toBe(homes.length)
  })

  it.each(ENTRIES.map((entry) => [entry.name, entry] as const))('says of %s what it is', (_name, entry) => {
    expect(entry.says).toMatch(/^[A-Z].{15,}\.$/)
    if (entry.state === 'not built yet') expect(entry.ours, 'it is built: list it as page to come').toBe('')
    else expect(entry.ours).not.toBe('')
    expect(entry.elsewhere.camel.length).toBeGreaterThan(0)
  })

  it('lists only entries as not shown, and each for one reason', () => {
    const without = [...NOT_BUILT_YET, ...PAGE_TO_COME]
    expect(without.filter((name) => !names.includes(name))).toEqual([])
    expect(new Set(without).size).toBe(without.length)
  })

  it('refers from each word of the language to an entry', () => {
    expect(LANGUAGE.length).toBeGreaterThan(10)
    expect(LANGUAGE.filter(({ entry }) => entry !== undefined && !names.includes(entry))).toEqual([])
  })
})

describe('findEntry', () => {
  const found = (name: string): readonly string[] => findEntry(name).entries.map((entry) => entry.name)

  it.each(ENTRIES.map(({ name }) => name))('finds %s by its name, however it is written', (name) => {
    expect(found(name)).toEqual([name])
    expect(found(name.toUpperCase().replaceAll(' ', '_'))).toEqual([name])
  })

  it('finds the entry of a step, alone', () => {
    expect(found('call')).toEqual(['Content Enricher'])
    expect(found('dedupe')).toEqual(['Idempotent Consumer'])
    expect(found('claimPop')).toEqual(['Claim Check'])
  })

  it('finds entries by what other tools call them', () => {
    expect(found('wireTap')).toEqual(['Wire Tap'])
    expect(found('recipientList')).toEqual(['Recipient List'])
    expect(found('@ServiceActivator')).toEqual(['Service Activator'])
    expect(found('For Each')).toEqual(['Splitter', 'Loop'])
    expect(found('Remove Duplicates')).toEqual(['Idempotent Consumer'])
  })

  it.each(ENTRIES)('finds $name by each of its foreign names', (entry) => {
    for (const name of Object.values(entry.elsewhere).flat()) {
      const { entries, near } = findEntry(name)
      expect(entries.length, name).toBeGreaterThan(0)
      expect(near).toEqual([])
    }
  })

  it("finds words of Camel's language", () => {
    expect(findEntry('doCatch').nodes.map(({ names: [first] }) => first)).toEqual(['doTry'])
    expect(findEntry('try').nodes.map(({ names: [first] }) => first)).toEqual(['doTry'])
  })

  it('suggests names that are nearly the same, each once', () => {
    expect(findEntry('wiretapp')).toMatchObject({ entries: [], nodes: [], near: ['Wire Tap'] })
    expect(findEntry('agregator').near).toContain('Aggregator')
    expect(findEntry('content').near).toContain('Content Enricher')
  })

  it('suggests nothing for what is like nothing', () => {
    expect(findEntry('xyzzyxyzzyxyzzy')).toEqual({ entries: [], nodes: [], near: [] })
    expect(findEntry('').near).toEqual([])
  })
})
