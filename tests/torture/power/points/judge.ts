/**
 * One process of those that judge points: told a point, it cuts the first life there in every way, has an engine live on from each,
 * and answers what was broken. Usage: `node judge.ts <folder> <file of the disk's records> <file of the events> <flows> <seed>`.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process, { argv } from 'node:process'
import type { SentTo } from '../../../faults/simulation/beginnings.ts'
import { readLines } from '../../rig/line-log.ts'
import { chanceOf, seeded } from '../../rig/seeded.ts'
import { diskImage, drawSurvival, EVERYTHING, NOTHING, type Survival, writeFolder } from '../disk-image.ts'
import { readPlacedLog } from '../disk-log.ts'
import type { PointEvent } from './scene.ts'
import { liveOn } from './second-life.ts'

/** What is said of a point. */
export interface Judged {
  readonly point: number
  /** In how many ways the power failed there: one where nothing was left to lose. */
  readonly ways: number
  readonly violations: readonly { readonly kind: string; readonly says: string }[]
}

const [, , folder = '', diskLog = '', eventLog = '', names = '', seedText = '1'] = argv
const flows = names.split(',') as SentTo[]
const records = readPlacedLog(readFileSync(diskLog))
const events = readLines<PointEvent>(eventLog)
/** Where the log of the first life's disk was elsewhere, files had another beginning. */
const EMPTY: ReadonlyMap<string, Uint8Array> = new Map()

async function judge(point: number): Promise<Judged> {
  const image = diskImage(EMPTY)
  for (const [nth, { record }] of records.slice(0, point).entries()) image.apply(record, nth)
  const upTo = records[point - 1]?.upTo ?? 0
  const known = events.filter(({ at }) => at <= upTo)
  const ways: readonly (readonly [string, Survival])[] = image.hasUnsynced
    ? [
        ['nothing that was not synced is left', NOTHING],
        ['all of it is left', EVERYTHING],
        [
          'parts of it are left',
          drawSurvival(seeded(Math.floor(chanceOf(Number(seedText), `${point}`) * 2 ** 31))),
        ],
      ]
    : [['all of it was synced', EVERYTHING]]
  const all = await Promise.all(
    ways.map(async ([way, survival], nth) => {
      const own = join(folder, `${point}-${nth}`)
      writeFolder(own, image.afterPowerFailure(survival))
      try {
        const violations = await liveOn({ folder: own, flows, events: known })
        return violations.map(({ kind, says }) => ({ kind, says: `point ${point}, ${way}: ${says}` }))
      } finally {
        rmSync(own, { recursive: true, force: true })
      }
    }),
  )
  return { point, ways: ways.length, violations: all.flat() }
}

mkdirSync(folder, { recursive: true })
process.on('message', (point: number) => {
  judge(point).then(
    (judged) => process.send?.(judged),
    (error: unknown) => {
      process.send?.({
        point,
        ways: 0,
        violations: [{ kind: 'rig', says: `point ${point}: ${String(error)}` }],
      })
    },
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
