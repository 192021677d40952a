import { flow, inbox } from 'linkspan'
import { expect, it } from 'vitest'
import { patternNames } from '../../bench/linkspan/pattern-names.ts'
import { type Chain, MIXES, PATTERNS } from '../../bench/linkspan/patterns.ts'
import { type Order, transform } from '../../bench/workload/order.ts'
import { patterns } from '../../packages/linkspan/src/patterns/index.ts'

/** Steps that are not measured, each with the reason. */
const NOT_MEASURED: Readonly<Record<string, string>> = {
  to: 'every row has one: the delivery',
  control: 'no builder method makes it',
}

it.each(Object.entries({ ...PATTERNS, ...MIXES }))('adds %s to the relay', (_name, { before, behind }) => {
  const mapped = flow('relay').from(inbox<Order>()).map('shipment', transform) as unknown as Chain
  const longer = (before?.(mapped) ?? mapped) as Chain
  const relay = (behind?.(longer) ?? longer) as Chain
  expect(relay.definition.steps.length).toBeGreaterThan(1)
})

it('mixes twenty steps', () => {
  const { before, behind } = MIXES['20 mixed steps']
  const begun = flow('relay').from(inbox<Order>()) as unknown as Chain
  const mixed = before?.(begun) as Chain
  const relay = behind?.(mixed) as Chain
  expect(relay.definition.steps.filter(({ named }) => named).length).toBeGreaterThanOrEqual(20)
})

it('measures every kind of step that there is', () => {
  const known: readonly string[] = patternNames
  const missing = patterns
    .map(({ kind }) => kind)
    .filter((kind) => !known.includes(kind) && !(kind in NOT_MEASURED))
  expect(
    missing,
    `Nothing measures the steps ${missing.join(', ')}. Name each in bench/linkspan/pattern-names.ts and say in bench/linkspan/patterns.ts what it adds to the relay, or in NOT_MEASURED why not.`,
  ).toEqual([])
  expect(Object.keys(PATTERNS).toSorted()).toEqual([...patternNames].toSorted())
})
