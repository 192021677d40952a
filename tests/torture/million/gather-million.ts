/** A group of a large number of members, with the engine killed on the way and little memory: each counts once. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Row } from '../report.ts'
import { seeded } from '../rig/seeded.ts'
import { type Life, live, mib, OUTPUT } from './life.ts'
import { readEffects, type Violation } from './read-effects.ts'
import type { Told } from './tell-parent.ts'

/** What becomes of the members: one small value, or rows of the journal that a split takes. */
export type GatherKind = 'fold' | 'stored'

/** The kinds, for those who ask. */
export const GATHER_KINDS: readonly GatherKind[] = ['fold', 'stored']

/** How the gathering goes. */
export interface GatherOptions {
  readonly folder: string
  readonly kind: GatherKind
  readonly members: number
  readonly seed: number
  /** The most that the engine may have in V8's old space. */
  readonly heapMib: number
  readonly onProgress?: (line: string) => void
}

/** What came of it. */
export interface GatherResult {
  readonly rows: readonly Row[]
  readonly violations: readonly Violation[]
  readonly peakRss: number
  readonly seconds: number
}

const KILLS = 2

/** Gathers them. */
export async function gatherMillion(options: GatherOptions): Promise<GatherResult> {
  const { folder, kind, members, seed, heapMib, onProgress = () => undefined } = options
  const began = Date.now()
  const lives: Life[] = []
  let from = 0
  for (const isFarEnough of lifetimes(options)) {
    const args = [kind, String(members), String(from)]
    const life = await live({ folder, program: 'gather-engine.ts', args, heapMib, isFarEnough })
    if (life.ended !== null) throw new Error(`The engine ended by itself with ${life.ended}.`)
    lives.push(life)
    from = life.last.sent ?? from
    onProgress(
      `life ${lives.length}: ${from} sent, ${life.last.done} calls made, at most ${mib(life.peakRss)}`,
    )
  }
  const seconds = (Date.now() - began) / 1_000
  const { violations, repeats } = await readEffects({
    folder,
    items: kind === 'fold' ? 0 : members,
    kills: KILLS,
    end: kind === 'fold' ? factsOf(members) : { count: members, sum: factsOf(members).sum },
  })
  return {
    violations,
    peakRss: Math.max(...lives.map(({ peakRss }) => peakRss)),
    seconds,
    rows: [
      ['seed', seed],
      ['members of the group', members],
      ['kills on the way', KILLS],
      ...(kind === 'fold' ? [] : [['calls made again, under their old key', repeats] as const]),
      ['time', `${seconds.toFixed(1)} s, ${Math.round(members / seconds)} members a second`],
      ["the limit of V8's old space", `${heapMib} MiB`],
      ['memory at most, by life', lives.map(({ peakRss }) => mib(peakRss)).join(', ')],
      ["V8's heap at most, by life", lives.map(({ peakHeap }) => mib(peakHeap)).join(', ')],
    ],
  }
}

/** When each life ends: twice on the way, of a split once while they gather and once while they are taken, then at the end. */
function lifetimes({ kind, members, seed }: GatherOptions): readonly ((told: Told) => boolean)[] {
  const random = seeded(seed)
  const first = members * (0.3 + random() * 0.3)
  const second = members * (0.65 + random() * 0.3)
  return [
    ({ sent = 0 }) => sent >= first,
    ({ sent = 0, done }) => (kind === 'fold' ? sent : done) >= second,
    ({ ended }) => ended >= members,
  ]
}

/** Engines that hold all members in memory besides: with the same limit they have to run out of it. */
export async function gatherHeld({
  folder,
  members,
  heapMib,
}: Pick<GatherOptions, 'folder' | 'members' | 'heapMib'>): Promise<{
  readonly row: Row
  readonly violations: readonly Violation[]
}> {
  const { ended, last } = await live({
    folder,
    program: 'gather-engine.ts',
    args: ['held', String(members), '0'],
    heapMib,
    isFarEnough: (told) => told.ended >= members,
  })
  const ranOut = ended !== null && /heap out of memory/.test(readFileSync(join(folder, OUTPUT), 'utf8'))
  const came = `${ended ?? 'it did not'}, after ${last.ended} of ${last.sent} members that it was sent`
  return {
    row: ['control: with all members held in memory, it ran out of it', ranOut ? came : `NO: ${came}`],
    violations: ranOut
      ? []
      : [{ kind: 'control', says: `an engine that holds all members did not run out of memory (${came})` }],
  }
}

const PRIME = 2_147_483_647

/** What is known of all members by whoever sent them. */
function factsOf(members: number): {
  readonly count: number
  readonly sum: number
  readonly squares: number
} {
  const n = BigInt(members)
  const squares = ((n - 1n) * n * (2n * n - 1n)) / 6n
  return { count: members, sum: (members * (members - 1)) / 2, squares: Number(squares % BigInt(PRIME)) }
}
