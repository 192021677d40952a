import { expect, it } from 'vitest'
import { type Part, partsOf, runParts } from './parts.ts'

const nothing = {
  all: false,
  controls: false,
  powerFailures: false,
  powerPoints: false,
  bitFlips: false,
  seeds: false,
  oracle: false,
  patterns: false,
  million: false,
  gather: false,
  mutants: false,
}

it('is kills unless something else is asked for, and everything with --all, the mutants too', () => {
  expect(partsOf(nothing)).toEqual(['kills'])
  expect(partsOf({ ...nothing, million: true, mutants: true })).toEqual(['million', 'mutants'])
  expect(partsOf({ ...nothing, seeds: true })).toEqual(['simulation'])
  expect(partsOf({ ...nothing, oracle: true })).toEqual(['oracle'])
  expect(partsOf({ ...nothing, all: true, controls: true })).toEqual([
    'kills',
    'controls',
    'power',
    'points',
    'flips',
    'simulation',
    'oracle',
    'patterns',
    'million',
    'gather',
    'mutants',
  ])
})

it('runs every part, and says which failed', async () => {
  const ran: Part[] = []
  const ends = (part: Part, well: boolean) => async () => {
    ran.push(part)
    return well
  }
  const failed = await runParts(partsOf({ ...nothing, all: true }), {
    kills: ends('kills', false),
    controls: ends('controls', true),
    power: ends('power', true),
    points: ends('points', true),
    flips: ends('flips', true),
    simulation: ends('simulation', true),
    oracle: ends('oracle', true),
    patterns: ends('patterns', true),
    million: ends('million', false),
    gather: ends('gather', true),
    mutants: ends('mutants', true),
  })
  expect(ran).toEqual([
    'kills',
    'controls',
    'power',
    'points',
    'flips',
    'simulation',
    'oracle',
    'patterns',
    'million',
    'gather',
    'mutants',
  ])
  expect(failed).toEqual(['kills', 'million'])
})
