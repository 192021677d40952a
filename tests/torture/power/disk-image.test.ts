import { describe, expect, it } from 'vitest'
import { diskImage, EVERYTHING, NOTHING, type Survival } from './disk-image.ts'
import type { DiskRecord } from './disk-log.ts'

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString()

function left(
  records: readonly DiskRecord[],
  survival: Survival,
): Readonly<Record<string, string | undefined>> {
  const image = diskImage(new Map([['old', Buffer.from('old')]]))
  for (const [nth, record] of records.entries()) image.apply(record, nth)
  return Object.fromEntries(
    [...image.afterPowerFailure(survival)].map(([name, bytes]) => [name, text(bytes)]),
  )
}
const write = (name: string, at: number, data: string): DiskRecord => ({
  kind: 'write',
  name,
  at,
  data: Buffer.from(data),
})
const only = (...which: number[]): Survival => {
  let nth = -1
  return {
    sector: 2,
    survives: () => {
      nth += 1
      return which.includes(nth)
    },
  }
}

describe('what a loss of power leaves', () => {
  it('of a write that was not synced: nothing, all, or some of its sectors', () => {
    const records = [write('old', 1, 'NEWER')]
    expect(left(records, NOTHING)).toEqual({ old: 'old' })
    expect(left(records, EVERYTHING)).toEqual({ old: 'oNEWER' })
    // A sector ends at a multiple of its size: N, EW, ER.
    expect(left(records, only(1))).toEqual({ old: 'olEW' })
    expect(left(records, only(2))).toEqual({ old: 'old\0ER' })
  })

  it('all that was written before a wait for the disk began, and no more than that', () => {
    const records: DiskRecord[] = [
      write('old', 0, 'A'),
      write('old', 1, 'B'),
      { kind: 'sync', name: 'old', before: 1 },
    ]
    expect(left(records, NOTHING)).toEqual({ old: 'Ald' })
    expect(left(records, EVERYTHING)).toEqual({ old: 'ABd' })
  })

  it('no new file before its folder was synced, though the file itself was', () => {
    const made: DiskRecord[] = [
      { kind: 'create', name: 'new' },
      write('new', 0, 'x'),
      { kind: 'sync', name: 'new', before: 2 },
    ]
    expect(left(made, NOTHING)).toEqual({ old: 'old' })
    expect(left([...made, { kind: 'syncFolder', before: 3 }], NOTHING)).toEqual({ old: 'old', new: 'x' })
  })

  it('changes of names in their order, each of them whole', () => {
    const records: DiskRecord[] = [
      { kind: 'rename', name: 'old', to: 'aside' },
      { kind: 'create', name: 'old' },
      { kind: 'unlink', name: 'aside' },
    ]
    expect(left(records, NOTHING)).toEqual({ old: 'old' })
    expect(left(records, only(0))).toEqual({ aside: 'old' })
    expect(left(records, only(0, 1))).toEqual({ aside: 'old', old: '' })
    expect(left(records, EVERYTHING)).toEqual({ old: '' })
  })

  it('of a file that was cut off: its old end, until that was synced', () => {
    const records: DiskRecord[] = [{ kind: 'resize', name: 'old', size: 1 }]
    expect(left(records, NOTHING)).toEqual({ old: 'old' })
    expect(left([...records, { kind: 'sync', name: 'old', before: 1 }], NOTHING)).toEqual({ old: 'o' })
  })
})
