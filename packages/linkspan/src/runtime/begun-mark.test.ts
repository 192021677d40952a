import { describe, expect, it } from 'vitest'
import type { CursorReader, Grant } from '../journal/journal.ts'
import { type BegunMarks, createBegunMarks } from './begun-mark.ts'

const FLOWS = [
  { name: 'orders', renamedFrom: [] },
  { name: 'bills', renamedFrom: ['invoices'] },
]

interface Disk {
  readonly rows: Map<string, string>
  writes: number
  refuses: boolean
  engine(member: number, flows?: typeof FLOWS): BegunMarks
}

function disk(): Disk {
  const rows = new Map<string, string>()
  const cursors: CursorReader = {
    get: async (name) => rows.get(name) ?? null,
    list: async (prefix) => new Map([...rows].filter(([name]) => name.startsWith(prefix))),
  }
  const made: Disk = {
    rows,
    writes: 0,
    refuses: false,
    engine: (member, flows = FLOWS) =>
      createBegunMarks({
        flows,
        member,
        cursors,
        committer: {
          cursor({ name, value }, then, refused) {
            if (made.refuses) return refused?.(new Error('no room') as never)
            made.writes += 1
            if (value === null) rows.delete(name)
            else rows.set(name, value)
            then?.()
          },
        },
      }),
  }
  return made
}

const [orders, bills] = FLOWS as [(typeof FLOWS)[0], (typeof FLOWS)[0]]
const clean = (partition: number): Grant => ({ partition, died: null })
const orphan = (partition: number, member: number, upTo: number): Grant => ({
  partition,
  died: { member, upTo },
})

async function takeUp(marks: BegunMarks, ...grants: Grant[]): Promise<void> {
  await marks.inherit(grants)
  await marks.keep(grants)
}

/** The highest places of a partition with which an engine that died may have begun: of both flows, and of children. */
function begun(marks: BegunMarks, partition: number): readonly number[] {
  const last = (flow: string, parent: { seq: number; path: string; index: number } | null): number => {
    let seq = 0
    while (marks.begunBefore({ seq: seq + 1, flow, parent, partition })) seq += 1
    return seq
  }
  return [last('orders', null), last('bills', null), last('orders', { seq: 1, path: 'items', index: 0 })]
}

describe('begun marks', () => {
  it('tell what an engine that died may have begun with, in the partitions that it left', async () => {
    const { engine } = disk()
    const one = engine(1)
    await one.mark(orders, 5)
    await one.mark(bills, 7)
    const two = engine(2)
    await takeUp(two, orphan(3, 1, 9), clean(4))
    expect([begun(two, 3), begun(two, 4), begun(two, 5)]).toEqual([
      [5, 7, 9],
      [0, 0, 0],
      [0, 0, 0],
    ])
  })

  it('never go back', async () => {
    const { engine, rows } = disk()
    const one = engine(1)
    await one.mark(orders, 5)
    await one.mark(orders, 3)
    expect(rows.get('begun:orders@1')).toBe('5')
  })

  it('stay with a partition that its heir gives back before it has run everything', async () => {
    const { engine } = disk()
    await engine(1).mark(orders, 5)
    await takeUp(engine(2), orphan(3, 1, 9))
    const three = engine(3)
    await takeUp(three, clean(3))
    expect(begun(three, 3)).toEqual([5, 0, 9])
    const four = engine(4)
    await takeUp(four, clean(3))
    expect(begun(four, 3)).toEqual([5, 0, 9])
  })

  it('add up over several that died', async () => {
    const { engine } = disk()
    await engine(1).mark(orders, 5)
    await takeUp(engine(2), orphan(3, 1, 9))
    const three = engine(3)
    await takeUp(three, clean(3))
    await three.mark(bills, 12)
    const four = engine(4)
    await takeUp(four, orphan(3, 3, 20))
    expect(begun(four, 3)).toEqual([5, 12, 20])
  })

  it('of a flow that the heir does not have are there for one that has it', async () => {
    const { engine } = disk()
    await engine(1).mark(bills, 7)
    await takeUp(engine(2, [orders]), orphan(3, 1, 9))
    const three = engine(3)
    await takeUp(three, clean(3))
    expect(begun(three, 3)).toEqual([0, 7, 9])
  })

  it('of a sole owner that was killed are there after one that stopped', async () => {
    const { engine, rows } = disk()
    await engine(0).mark(orders, 5)
    await takeUp(engine(0), orphan(0, 0, 9))
    const third = engine(0)
    await takeUp(third, clean(0))
    // It reads its backlog from the start, and says so.
    await third.mark(orders, 2)
    expect(begun(third, 0)).toEqual([5, 0, 9])
    expect(rows.get('begun:orders')).toBe('2')
  })

  it('go with members that the journal has forgotten, and with no others', async () => {
    const { rows, engine } = disk()
    for (const member of [1, 2, 30]) await engine(member).mark(orders, 7)
    rows.set('begun:orders', '4').set('begun:a@b', '5').set('poll:x@1', '6')
    await engine(31).forget(async () => [2, 30, 31].map((member) => ({ member })))
    expect([...rows.keys()].toSorted()).toEqual(
      ['begun:a@b', 'begun:orders', 'begun:orders@2', 'begun:orders@30', 'poll:x@1'].toSorted(),
    )
  })

  it('leave out no member that joins while it is looked for', async () => {
    const { rows, engine } = disk()
    const known = [{ member: 1 }]
    await engine(1).forget(async () => {
      known.push({ member: 2 })
      await engine(2).mark(orders, 7)
      return known
    })
    expect([...rows.keys()]).toEqual(['begun:orders@2'])
  })

  it('are written when there is something new, and again when the journal refused them', async () => {
    const journal = disk()
    await journal.engine(1).mark(orders, 5)
    journal.writes = 0
    const two = journal.engine(2)
    await takeUp(two, clean(1), clean(2))
    expect(journal.writes).toBe(0)
    journal.refuses = true
    await expect(takeUp(two, orphan(3, 1, 9))).rejects.toThrow('no room')
    journal.refuses = false
    await takeUp(two, orphan(3, 1, 9))
    await takeUp(journal.engine(3), clean(3))
    expect(journal.writes).toBe(1)
  })
})
