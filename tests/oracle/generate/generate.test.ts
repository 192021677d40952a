import { describe, expect, it } from 'vitest'
import type { Case, Step } from '../case.ts'
import { hasStep } from '../rewrite.ts'
import { casesOf, GENERATORS } from './generate.ts'

const SEEDS = Array.from({ length: 200 }, (_none, index) => index + 1)
const all: readonly Case[] = SEEDS.flatMap((seed) => casesOf(seed))
const of = (pattern: string): readonly Case[] => all.filter((one) => one.pattern === pattern)
const isWhole = (times: readonly number[], rest: number): boolean => times.every((time) => time % 1 === rest)

describe('cases by seed', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(casesOf(7)).toEqual(casesOf(7))
    for (const [index, one] of casesOf(7).entries()) expect(casesOf(8)[index]).not.toEqual(one)
  })

  it('are one of each pattern, as plain data, with ids of their own', () => {
    expect(casesOf(7).map(({ pattern }) => pattern)).toEqual(Object.keys(GENERATORS))
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    expect(JSON.parse(JSON.stringify(all))).toEqual(all)
  })

  it('send at whole ticks, each at another, and wait for halves', () => {
    const timed = all.filter(({ ticks }) => ticks > 0)
    expect(timed.length).toBeGreaterThan(SEEDS.length)
    for (const { messages, steps } of timed) {
      const times = messages.map(({ at }) => at)
      expect(isWhole(times, 0)).toBe(true)
      expect(times).toEqual([...new Set(times)].sort((a, b) => a - b))
      expect(isWhole(steps.flatMap(waitsOf), 0.5)).toBe(true)
    }
  })

  it('last until all that waits is due', () => {
    for (const { messages, steps, ticks } of all.filter(({ ticks }) => ticks > 0)) {
      const last = Math.max(...messages.map(({ at }) => at))
      expect(ticks).toBeGreaterThan(
        last + Math.max(0, ...steps.filter(({ do: kind }) => kind !== 'breaker').flatMap(waitsOf)),
      )
    }
  })

  it('have routers that come to an end', () => {
    for (const { steps } of of('dynamic router')) {
      const [router] = steps
      if (router?.do !== 'router') throw new Error('no router')
      for (const branch of router.branches)
        expect(branch.steps.some((step) => step.do === 'add' && step.by > 0)).toBe(true)
    }
  })

  it('show every kind of step, and every option of a pattern', () => {
    const kinds = new Set<string>()
    for (const { steps } of all) hasStep(steps, (step) => !kinds.add(step.do))
    expect([...kinds].sort()).toEqual(KINDS)
    const joins = new Set(of('splitter').map(({ steps: [step] }) => step?.do === 'split' && step.join))
    expect(joins).toEqual(new Set(['none', 'latest', 'collect']))
    const rules = new Set(of('load balancer').map(({ steps: [step] }) => step?.do === 'balance' && step.by))
    expect(rules).toEqual(new Set(['roundRobin', 'weighted', 'sticky']))
  })
})

function waitsOf(step: Step): readonly number[] {
  if (step.do === 'delay') return [step.ticks]
  if (step.do === 'breaker') return [step.openFor]
  if (step.do === 'resequence') return [step.timeout]
  return step.do === 'aggregate' && step.complete.timeout !== undefined ? [step.complete.timeout] : []
}

const KINDS = [
  'add',
  'aggregate',
  'balance',
  'breaker',
  'choice',
  'claim',
  'dedupe',
  'delay',
  'enrich',
  'fail',
  'failover',
  'filter',
  'loop',
  'mark',
  'multicast',
  'recipients',
  'resequence',
  'router',
  'see',
  'slip',
  'sort',
  'split',
  'turn',
]
