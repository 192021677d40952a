import { expect, it } from 'vitest'
import type { Entry } from '../record.ts'
import { callState } from './call-state.ts'

const again: Entry = { t: 'redelivered', at: 9, fresh: false, note: 'go on' }
const generationOf = (...entries: readonly unknown[]): number =>
  callState(entries as readonly Entry[], 'put', 0).generation

it('keeps the mark of a call that an engine which died may have made, also when it is sent again', () => {
  expect(generationOf({ t: 'interrupted', at: 1 }, again)).toBe(0)
  expect(generationOf({ t: 'interrupted', at: 1 }, again, again)).toBe(0)
  expect(generationOf({ t: 'unknown', p: 'put', i: null, first: 1, at: 2 }, again)).toBe(0)
})

it('gives it another one when it is sent again after it failed for certain', () => {
  expect(generationOf({ t: 'failed', p: 'put', g: 0, i: null, at: 2 }, again)).toBe(2)
})
