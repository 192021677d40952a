import { expect, it } from 'vitest'
import { CONTROLS, controlsFor } from './rig/protections.ts'
import { seeded } from './rig/seeded.ts'
import { DEED_NAMES, deedsOf } from './rig/torment.ts'

it('does what was asked for, in an order that follows from the seed', () => {
  const asked = {
    kills: 30,
    zombies: 5,
    databaseKills: 4,
    promotions: 3,
    networkFaults: 6,
    fullDisks: 2,
    clockSteps: 7,
  }
  const deeds = deedsOf(asked, seeded(7))
  expect(deeds).toEqual(deedsOf(asked, seeded(7)))
  expect(deeds).not.toEqual(deedsOf(asked, seeded(8)))
  const times = (which: string): number => deeds.filter((deed) => deed === which).length
  expect(Object.fromEntries(DEED_NAMES.map((name) => [name, times(name)]))).toEqual(asked)
  expect(deeds.slice(0, 30)).toContain('zombies')
})

it('leaves no protection without a number of engines that shows what it is for', () => {
  expect(controlsFor(1, 'sqlite')).toContain('fsync')
  expect(controlsFor(1, 'sqlite')).not.toContain('replication')
  expect(controlsFor(3, 'postgres')).toEqual(
    expect.arrayContaining(['fencing', 'handOver', 'order', 'noRoom']),
  )
  expect(new Set([...controlsFor(1, 'postgres'), ...controlsFor(3, 'postgres')])).toEqual(
    new Set(Object.keys(CONTROLS)),
  )
})
