import { describe, expect, it } from 'vitest'
import type { RecordFrame, StateChange } from '../journal/journal.ts'
import type { CellRecorder } from './cells.ts'
import { openCell, sealCell } from './codec.ts'
import type { Committer } from './committer.ts'
import { createSharedCells } from './shared-cells.ts'
import { virtualClock } from '../testing/virtual-clock.ts'

const add = (by: number) => (value: unknown) => ({
  value: Number(value ?? 0) + by,
  result: Number(value ?? 0) + by,
})

/** A cell in a journal that several engines write to. */
function sharedCell() {
  const clock = virtualClock()
  const frames: RecordFrame[] = []
  let stored: Uint8Array | null = null
  const value = (): unknown => (stored === null ? null : openCell(stored, 's', 'k').v)
  /** Runs between an engine's reading of the cell and its commit. */
  let meanwhile = (): void => undefined
  const engine = () => {
    let waiting: { change: StateChange; then: (written: boolean) => void }[] = []
    const state: Committer['state'] = (change, then = () => undefined) => {
      waiting.push({ change: typeof change === 'function' ? change() : change, then })
      clock.defer(() => {
        const batch = waiting
        waiting = []
        for (const { change, then } of batch) then(commit(change))
      })
    }
    const reader = { get: async () => stored, list: async () => [] }
    return createSharedCells(reader, { state } as Committer, clock)
  }
  const commit = ({ value: next, basedOn }: StateChange): boolean => {
    meanwhile()
    meanwhile = () => undefined
    const same = Buffer.compare(stored ?? Buffer.of(), basedOn?.value ?? Buffer.of()) === 0
    if (!same) return false
    stored = next
    if (basedOn?.frame) frames.push(basedOn.frame)
    return true
  }
  const recorder = (): CellRecorder<number> & { readonly made: number[] } => {
    const made: number[] = []
    return {
      made,
      write: (result) => void made.push(result),
      frame(result) {
        made.push(result)
        return { seq: 1, n: 0, frame: Uint8Array.of(result) }
      },
      kept: () => undefined,
    }
  }
  return {
    clock,
    engine,
    recorder,
    frames,
    value,
    put: (to: number) => {
      stored = sealCell({ v: to, u: null }, 's', 'k')
    },
    between: (run: () => void) => {
      meanwhile = run
    },
  }
}

describe('a cell that several engines change', () => {
  it('is changed from the value that it has when the change is written', async () => {
    const { engine, clock, put, between, value, frames, recorder } = sharedCell()
    put(10)
    between(() => put(100))
    const told = recorder()
    const changed = engine().update('s', 'k', add(1), told)
    await clock.run()
    expect(await changed).toBe(101)
    expect(value()).toBe(101)
    expect(told.made).toEqual([11, 101])
    expect(frames.map(({ frame }) => [...frame])).toEqual([[101]])
  })

  it('counts each of many changes of several engines once', async () => {
    const { engine, clock, value, recorder } = sharedCell()
    const engines = [engine(), engine(), engine()]
    const changes = Array.from({ length: 60 }, (_, n) => engines[n % 3]?.update('s', 'k', add(1), recorder()))
    await clock.run()
    await Promise.all(changes)
    expect(value()).toBe(60)
  })

  it('that stays as it is costs no commit', async () => {
    const { engine, clock, put, value, frames, recorder } = sharedCell()
    put(5)
    const told = recorder()
    const looked = engine().update('s', 'k', (now) => ({ result: Number(now) }), told)
    await clock.run()
    expect(await looked).toBe(5)
    expect([value(), frames.length, told.made]).toEqual([5, 0, [5]])
  })

  it('goes on with the next change when one throws', async () => {
    const { engine, clock, value, recorder } = sharedCell()
    const cells = engine()
    const thrown = cells.update(
      's',
      'k',
      () => {
        throw new Error('no')
      },
      recorder(),
    )
    const refused = expect(thrown).rejects.toThrow('no')
    const next = cells.update('s', 'k', add(1), recorder())
    await clock.run()
    await Promise.all([refused, next])
    expect(value()).toBe(1)
  })

  it('is told the time, and waits for a change that answers later', async () => {
    const { engine, clock, value, between, put, recorder } = sharedCell()
    const cells = engine()
    const times: number[] = []
    between(() => put(10))
    const slow = cells.update(
      's',
      'k',
      async (present, at) => {
        times.push(at)
        return add(1)(present)
      },
      recorder(),
    )
    const next = cells.update('s', 'k', add(1), recorder())
    await clock.run()
    expect(await Promise.all([slow, next])).toEqual([11, 12])
    expect(value()).toBe(12)
    expect(times).toEqual([clock.now(), clock.now()])
  })
})
