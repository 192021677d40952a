import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Ending, Json } from '../../model/message.ts'
import { type Asked, askCircuit, type CircuitRules, reportTo, type Verdict } from './circuit-cell.ts'

const RULES: CircuitRules = {
  windowCalls: 4,
  windowMs: null,
  minimum: 2,
  failureRate: 50,
  slowRate: 100,
  slowMs: null,
  openMs: 100,
  trials: 2,
  trialMs: null,
  resume: null,
}

/** A circuit in a cell, and who has ended. */
function circuit(rules: CircuitRules) {
  let cell: Json | null = null
  const ended = new Set<string>()
  const endingOf = async (id: string): Promise<Ending | 'live'> => (ended.has(id) ? 'dead' : 'live')
  return {
    ended,
    get cell() {
      return cell as { state: string; trying: string[]; line: number } | null
    },
    async ask(id: string, at: number): Promise<Asked> {
      const { value, result } = await askCircuit(id, rules, endingOf)(cell, at)
      if (value !== undefined) cell = value
      return result
    },
    async report(id: string, asked: Asked, at: number, verdict: Verdict) {
      const { value, result } = await reportTo(id, { ...asked, verdict }, rules)(cell, at)
      if (value !== undefined) cell = value
      return result
    },
    /** One attempt from beginning to end; null when it was not let through. */
    async attempt(id: string, at: number, verdict: Verdict, ms = 0) {
      const asked = await this.ask(id, at)
      return asked.did === 'let' ? this.report(id, asked, at + ms, verdict) : null
    },
  }
}

describe('a circuit', () => {
  it('opens when enough of the last attempts failed, and not before there are enough', async () => {
    const one = circuit({ ...RULES, minimum: 3 })
    for (const [n, verdict] of (['failed', 'failed'] as const).entries())
      expect(await one.attempt(`m${n}`, n, verdict)).toMatchObject({ counted: true, state: 'closed' })
    expect(await one.attempt('m3', 3, 'done')).toMatchObject({ state: 'open', changed: true })
    expect(await one.ask('m4', 102)).toMatchObject({ did: 'refused', until: 103, state: 'open' })
  })

  it('looks at the last attempts only', async () => {
    const one = circuit({ ...RULES, minimum: 4 })
    for (const verdict of ['failed', 'done', 'done', 'done', 'done', 'failed'] as const)
      expect(await one.attempt('m', 0, verdict)).toMatchObject({ state: 'closed' })
    expect(await one.attempt('m', 0, 'failed')).toMatchObject({ state: 'open' })
  })

  it('looks at the attempts of a stretch of time', async () => {
    const one = circuit({ ...RULES, windowCalls: null, windowMs: 3_200, minimum: 2 })
    await one.attempt('m', 0, 'failed')
    expect(await one.attempt('m', 3_300, 'failed')).toMatchObject({ state: 'closed' })
    expect(await one.attempt('m', 6_300, 'failed')).toMatchObject({ state: 'open' })
  })

  it('opens when attempts are slow', async () => {
    const one = circuit({ ...RULES, slowMs: 10, slowRate: 50 })
    expect(await one.attempt('m', 0, 'done', 10)).toMatchObject({ slow: false, state: 'closed' })
    expect(await one.attempt('m', 20, 'done', 11)).toMatchObject({ slow: true, state: 'open' })
  })

  it('is tried by as many as may, and their outcome decides', async () => {
    const one = circuit(RULES)
    for (const id of ['a', 'b']) await one.attempt(id, 0, 'failed')
    const first = await one.ask('c', 100)
    const second = await one.ask('d', 100)
    expect([first, second]).toMatchObject([
      { did: 'let', state: 'halfOpen', changed: true },
      { did: 'let', state: 'halfOpen', changed: false },
    ])
    expect(await one.ask('e', 101)).toMatchObject({ did: 'refused', until: 1_101 })
    expect(await one.report('c', first, 110, 'done')).toMatchObject({ state: 'halfOpen' })
    expect(await one.report('d', second, 111, 'done')).toMatchObject({ state: 'closed', changed: true })
    expect(await one.attempt('e', 112, 'failed')).toMatchObject({ counted: true, state: 'closed' })
  })

  it('lets who died while it tried try again, and takes its place from one that has ended', async () => {
    const one = circuit({ ...RULES, trials: 1 })
    for (const id of ['a', 'b']) await one.attempt(id, 0, 'failed')
    await one.ask('c', 100)
    expect(await one.ask('c', 200)).toMatchObject({ did: 'let' })
    expect(one.cell?.trying).toEqual(['c'])
    expect(await one.ask('d', 201)).toMatchObject({ did: 'refused' })
    one.ended.add('c')
    expect(await one.ask('d', 202)).toMatchObject({ did: 'let' })
    expect(one.cell?.trying).toEqual(['d'])
  })

  it('gives the place back of one that says nothing of the system', async () => {
    const one = circuit({ ...RULES, trials: 1 })
    for (const id of ['a', 'b']) await one.attempt(id, 0, 'failed')
    expect(await one.attempt('c', 100, 'ignored')).toMatchObject({ counted: false, state: 'halfOpen' })
    expect(await one.attempt('d', 101, 'done')).toMatchObject({ state: 'closed' })
  })

  it('is open again when it is tried for too long', async () => {
    const one = circuit({ ...RULES, trialMs: 50 })
    for (const id of ['a', 'b']) await one.attempt(id, 0, 'failed')
    const asked = await one.ask('c', 100)
    expect(await one.ask('d', 150)).toMatchObject({
      did: 'refused',
      state: 'open',
      changed: true,
      until: 250,
    })
    expect(await one.report('c', asked, 160, 'done')).toMatchObject({ counted: false, state: 'open' })
  })

  it('does not count what was let through in another era', async () => {
    const one = circuit(RULES)
    const slow = await one.ask('slow', 0)
    for (const id of ['a', 'b']) await one.attempt(id, 0, 'failed')
    await one.ask('c', 100)
    expect(await one.report('slow', slow, 101, 'failed')).toMatchObject({ counted: false, state: 'halfOpen' })
  })

  it('lets those that wait ask again one after the other, also when it opens again', async () => {
    const one = circuit({ ...RULES, resume: 100 })
    for (const id of ['a', 'b']) await one.attempt(id, 0, 'failed')
    const times: number[] = []
    for (const id of ['c', 'd', 'e']) times.push((await one.ask(id, 1)).until)
    expect(times).toEqual([100, 110, 120])
    for (const id of ['c', 'd']) await one.attempt(id, 105, 'failed')
    expect(await one.ask('e', 120)).toMatchObject({ did: 'refused', until: 205 })
    expect(await one.ask('f', 121)).toMatchObject({ until: 215 })
  })
})

interface Attempt {
  readonly gap: number
  readonly ms: number
  readonly verdict: Verdict
}

/** What a circuit breaker is, said with a list of all that was ever counted. Attempts come one after the other. */
function model({ windowCalls, minimum, failureRate, slowMs, slowRate, openMs, trials }: CircuitRules) {
  let state: 'closed' | 'open' | 'halfOpen' = 'closed'
  let since = 0
  let seen: { readonly failed: boolean; readonly slow: boolean }[] = []
  const become = (next: typeof state, at: number): void => {
    state = next
    since = at
    seen = []
  }
  return (at: number, { ms, verdict }: Attempt): string => {
    if (state === 'open' && at >= since + openMs) become('halfOpen', at)
    if (state === 'open') return 'refused open'
    if (verdict === 'ignored') return `let ${state}`
    const window = state === 'halfOpen' ? trials : (windowCalls as number)
    const last = [...seen, { failed: verdict === 'failed', slow: slowMs !== null && ms > slowMs }]
    seen = last.slice(Math.max(0, last.length - window))
    const share = (of: 'failed' | 'slow'): number =>
      (seen.filter((one) => one[of]).length / seen.length) * 100
    if (seen.length >= Math.min(minimum, window)) {
      if (share('failed') >= failureRate || (slowMs !== null && share('slow') >= slowRate))
        become('open', at + ms)
      else if (state === 'halfOpen') become('closed', at + ms)
    }
    return `let ${state}`
  }
}

describe('a circuit, on any schedule', () => {
  it('is what the model is', async () => {
    const attempts = fc.array(
      fc.record({
        gap: fc.integer({ min: 0, max: 60 }),
        ms: fc.integer({ min: 0, max: 20 }),
        verdict: fc.constantFrom<Verdict>('done', 'failed', 'failed', 'ignored'),
      }),
      { minLength: 1, maxLength: 60 },
    )
    const rules = fc.record({
      windowCalls: fc.integer({ min: 1, max: 6 }),
      minimum: fc.integer({ min: 1, max: 8 }),
      failureRate: fc.constantFrom(1, 25, 50, 100),
      slowMs: fc.constantFrom(null, 10),
      slowRate: fc.constantFrom(50, 100),
      trials: fc.integer({ min: 1, max: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(attempts, rules, async (given, drawn) => {
        const all = { ...RULES, ...drawn }
        const one = circuit(all)
        const expected = model(all)
        let at = 0
        for (const [n, attempt] of given.entries()) {
          at += attempt.gap
          const asked = await one.ask(`m${n}`, at)
          const reported =
            asked.did === 'let' ? await one.report(`m${n}`, asked, at + attempt.ms, attempt.verdict) : asked
          expect(`${asked.did} ${reported.state}`).toBe(expected(at, attempt))
          at += attempt.ms
        }
      }),
      { numRuns: 500 },
    )
  })

  it('never has more that try it than may, and never more who ask again at once than it says', async () => {
    const steps = fc.array(
      fc.record({
        gap: fc.integer({ min: 0, max: 30 }),
        id: fc.integer({ min: 0, max: 9 }),
        failed: fc.boolean(),
      }),
      { minLength: 1, maxLength: 80 },
    )
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 3 }), async (given, trials) => {
        const one = circuit({ ...RULES, trials, resume: 100 })
        const under = new Map<string, Asked>()
        const again: number[] = []
        let at = 0
        for (const { gap, id: n, failed } of given) {
          at += gap
          const id = `m${n}`
          const before = under.get(id)
          if (before) {
            under.delete(id)
            await one.report(id, before, at, failed ? 'failed' : 'done')
          } else {
            const asked = await one.ask(id, at)
            if (asked.did === 'let') under.set(id, asked)
            else again.push(asked.until)
            expect(asked.until).toBeGreaterThanOrEqual(at)
          }
          expect(one.cell?.trying.length ?? 0).toBeLessThanOrEqual(trials)
        }
        for (const [n, time] of again.slice(1).entries())
          expect(time - (again[n] as number)).toBeGreaterThanOrEqual(10)
      }),
      { numRuns: 300 },
    )
  })
})
