import { expect, it } from 'vitest'
import { CONTROLS, controlsFor } from './rig/protections.ts'
import { seeded } from './rig/seeded.ts'
import { deedsOf } from './rig/torment.ts'

it('does what was asked for, in an order that follows from the seed', () => {
  const asked = { kills: 30, zombies: 5, databaseKills: 4 }
  const deeds = deedsOf(asked, seeded(7))
  expect(deeds).toEqual(deedsOf(asked, seeded(7)))
  expect(deeds).not.toEqual(deedsOf(asked, seeded(8)))
  const times = (which: string): number => deeds.filter((deed) => deed === which).length
  expect([times('kill'), times('zombie'), times('database')]).toEqual([30, 5, 4])
  expect(deeds.slice(0, 30)).toContain('zombie')
})

it('leaves no protection without a number of engines that shows what it is for', () => {
  expect(controlsFor(1)).toContain('fsync')
  expect(controlsFor(3)).toEqual(expect.arrayContaining(['fencing', 'handOver', 'order']))
  expect(new Set([...controlsFor(1), ...controlsFor(3)])).toEqual(new Set(Object.keys(CONTROLS)))
})
