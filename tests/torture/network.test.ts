import { expect, it } from 'vitest'
import { strikeOf } from './rig/network.ts'
import type { Side } from './rig/protocol.ts'
import { seeded } from './rig/seeded.ts'

const strikes = (side: Side) => Array.from({ length: 200 }, (_, seed) => strikeOf(side, seeded(seed), 3_000))

it('draws a fault from a seed, of each kind in the end', () => {
  expect(strikes('database')).toEqual(strikes('database'))
  const kinds = (side: Side) => [...new Set(strikes(side).map(({ fault }) => fault.kind))].sort()
  expect(kinds('database')).toEqual(['cut', 'delay', 'drip', 'dropReply', 'halfOpen', 'reset'])
  expect(kinds('sinks')).toEqual(['cut', 'delay', 'drip', 'dropReply', 'halfOpen', 'reset'])
  expect(kinds('keyed')).toContain('duplicate')
})

it('repeats requests only where they are recognised, and holds none up before a system', () => {
  expect([...strikes('sinks'), ...strikes('database')].map(({ fault }) => fault.kind)).not.toContain(
    'duplicate',
  )
  for (const { fault, endsConnections } of [...strikes('sinks'), ...strikes('keyed')]) {
    if (fault.kind === 'delay' || fault.kind === 'drip') expect(fault.direction).toBe('reply')
    if (fault.kind === 'halfOpen') expect(endsConnections).toBe(true)
  }
})
