import { describe, expect, it } from 'vitest'
import type { Grant, Ownership, OwnershipListener } from '../journal/journal.ts'
import { LinkspanError } from '../model/errors.ts'
import { type VirtualClock, virtualClock } from '../testing/virtual-clock.ts'
import { createShare, type Share, type ShareOptions } from './share.ts'

interface Rig {
  readonly clock: VirtualClock
  readonly share: Share
  /** What happened, in order. */
  readonly story: string[]
  readonly listener: () => OwnershipListener
  /** What the journal believes to be owned. */
  readonly granted: Set<number>
  lease: boolean
}

interface RigOptions {
  readonly grants?: readonly Grant[]
  readonly partitions?: number
  readonly given?: Partial<ShareOptions>
  readonly ownership?: Partial<Ownership>
}

const clean = (...partitions: number[]): Grant[] => partitions.map((partition) => ({ partition, died: null }))
const orphan = (partition: number, member = 1, upTo = 9): Grant => ({ partition, died: { member, upTo } })

function rigged({ grants = [], partitions = 8, given = {}, ownership = {} }: RigOptions = {}): Rig {
  const clock = virtualClock()
  const story: string[] = []
  const granted = new Set(grants.map(({ partition }) => partition))
  let listener: OwnershipListener | null = null
  const rig = { lease: true }
  const journal: Ownership = {
    member: 2,
    partitions,
    owned: granted,
    holds: () => rig.lease,
    now: () => null,
    begin: async (told) => {
      listener = told
      return grants
    },
    recovered: async (those) => void story.push(`recovered ${those}`),
    retire: (those) => {
      story.push(`retired ${those}`)
      for (const partition of those) granted.delete(partition)
    },
    release: async (those) => void story.push(`released ${those}`),
    running: async () => [],
    members: async () => [],
    survey: async () => ({ now: 0, members: [], partitions: [] }),
    ...ownership,
  }
  const share = createShare({
    ownership: journal,
    clock,
    logger: { log: () => undefined },
    aborted: new AbortController().signal,
    recover: async (more) => void story.push(`took up ${more.map(({ partition }) => partition)}`),
    gained: (more) => story.push(`gained ${more}`),
    rest: async (left) => void story.push(`at rest ${left}`),
    handed: (places) => story.push(`handed ${JSON.stringify([...places])}`),
    lost: ({ code }) => story.push(`lost ${code}`),
    ...given,
  })
  return Object.assign(rig, { clock, share, story, granted, listener: () => listener as OwnershipListener })
}

describe('a share', () => {
  it('begins with what is granted at once, and takes up what an engine that died left first', async () => {
    const { share, story } = rigged({ grants: [...clean(1), orphan(4), orphan(5)] })
    await share.begin()
    expect(story).toEqual(['took up 1,4,5', 'recovered 4,5'])
    expect([...share.owned]).toEqual([1, 4, 5])
  })

  it('waits at its begin for a journal without room, and says at once what fails for good', async () => {
    let left = 2
    const full = rigged({
      grants: [orphan(4)],
      given: {
        recover: async () => {
          left -= 1
          if (left >= 0) throw new LinkspanError('JOURNAL_FULL', 'no room', { retry: 'later' })
        },
      },
    })
    await full.clock.during(full.share.begin())
    expect(left).toBe(-1)
    expect([...full.share.owned]).toEqual([4])
    expect(full.story).toEqual(['recovered 4'])
    const gone = new LinkspanError('JOURNAL_TAKEN_OVER', 'gone')
    const late = rigged({ grants: [orphan(4)], given: { recover: () => Promise.reject(gone) } })
    await expect(late.clock.during(late.share.begin())).rejects.toThrow(gone)
  })

  it('says that others have taken over when they did while it waited for room', async () => {
    const gone = new LinkspanError('JOURNAL_TAKEN_OVER', 'gone')
    const full = rigged({
      grants: [orphan(4)],
      given: {
        recover: async () => {
          full.listener().lost(gone)
          throw new LinkspanError('JOURNAL_FULL', 'no room', { retry: 'later' })
        },
      },
    })
    await expect(full.clock.during(full.share.begin())).rejects.toThrow(gone)
  })

  it('runs nothing of a partition before what ran in it was taken up', async () => {
    let takeUp = (): void => undefined
    const recovering = new Promise<void>((resolve) => {
      takeUp = resolve
    })
    const { share, listener, clock, story } = rigged({ given: { recover: () => recovering } })
    const begun = share.begin()
    takeUp()
    await begun
    const later = new Promise<void>((resolve) => {
      takeUp = resolve
    })
    const slow = rigged({ given: { recover: async ({ length }) => (length > 0 ? later : undefined) } })
    await slow.share.begin()
    slow.listener().granted([orphan(3)])
    await slow.clock.run()
    expect([...slow.share.owned]).toEqual([])
    takeUp()
    await slow.clock.run()
    expect([...slow.share.owned]).toEqual([3])
    expect(slow.story).toEqual(['recovered 3', 'gained 3'])
    listener().granted(clean(2))
    await clock.run()
    expect(story).toEqual(['gained 2'])
  })

  it('gives a partition back when nothing of it runs any more, and not before', async () => {
    let end = (): void => undefined
    const resting = new Promise<void>((resolve) => {
      end = resolve
    })
    const { share, listener, clock, story } = rigged({ grants: clean(1, 2), given: { rest: () => resting } })
    await share.begin()
    listener().asked([2])
    await clock.run()
    expect([...share.owned]).toEqual([1])
    expect(story).toEqual(['took up 1,2', 'retired 2'])
    end()
    await clock.run()
    expect(story.at(-1)).toBe('released 2')
  })

  it('does one thing after the other: what comes while a partition is being taken up waits', async () => {
    const { share, listener, clock, story } = rigged()
    await share.begin()
    listener().granted([orphan(6)])
    listener().asked([6])
    listener().granted(clean(6))
    await clock.run()
    expect(story.slice(1)).toEqual([
      'took up 6',
      'recovered 6',
      'gained 6',
      'retired 6',
      'at rest 6',
      'released 6',
      'took up 6',
      'gained 6',
    ])
  })

  it('gives back once what it was asked for twice, and goes on', async () => {
    let failures = 1
    const { share, listener, clock, story } = rigged({
      grants: clean(5, 6, 7),
      ownership: {
        release: async (those) => {
          failures -= 1
          if (failures === 0) throw new LinkspanError('JOURNAL_UNREACHABLE', 'gone for a while')
          story.push(`released ${those}`)
        },
      },
    })
    await share.begin()
    listener().asked([7])
    listener().asked([6, 7])
    listener().asked([7])
    listener().granted(clean(3))
    await clock.run()
    expect(story.filter((line) => !line.startsWith('at rest'))).toEqual([
      'took up 5,6,7',
      'retired 7',
      'retired 7',
      'released 7',
      'retired 6',
      'released 6',
      'took up 3',
      'gained 3',
    ])
    expect([...share.owned]).toEqual([5, 3])
  })

  it('gives back nothing before its begin has taken it up, and nothing at all when that fails', async () => {
    const taking = Promise.withResolvers<void>()
    const { share, listener, clock, story } = rigged({
      given: { recover: () => taking.promise },
      ownership: {
        begin: async (told) => {
          told.asked([2])
          return clean(1, 2)
        },
      },
    })
    const begun = share.begin()
    await clock.run()
    expect(story).toEqual([])
    taking.resolve()
    await begun
    await clock.run()
    expect(story).toEqual(['retired 2', 'at rest 2', 'released 2'])
    expect([...share.owned]).toEqual([1])
    expect(listener()).toBeNull()
    const failing = rigged({
      ownership: {
        begin: async (told) => {
          told.granted(clean(1))
          throw new LinkspanError('JOURNAL_FAILED', 'gone')
        },
      },
    })
    await expect(failing.share.begin()).rejects.toThrow('gone')
    await failing.clock.run()
    expect(failing.story).toEqual([])
  })

  it('tries again what the journal could not do, until it can', async () => {
    let failures = 3
    const { share, listener, clock, story } = rigged({
      ownership: {
        recovered: async () => {
          failures -= 1
          if (failures >= 0) throw new LinkspanError('JOURNAL_UNREACHABLE', 'gone for a while')
        },
      },
    })
    await share.begin()
    listener().granted([orphan(3)])
    await clock.run()
    expect(failures).toBe(-1)
    expect([...share.owned]).toEqual([3])
    expect(story.at(-1)).toBe('gained 3')
  })

  it('at a proper end gives all back; a sole owner has nobody to give to', async () => {
    const many = rigged({ grants: clean(1, 2) })
    await many.share.begin()
    await many.share.end()
    expect(many.story.slice(1)).toEqual(['retired 1,2', 'at rest 1,2', 'released 1,2'])
    const sole = rigged({ grants: clean(0), partitions: 1 })
    await sole.share.begin()
    await sole.share.end()
    expect(sole.story).toEqual(['took up 0'])
  })

  it('lets nobody send while the lease is not good', async () => {
    const rig = rigged({ grants: clean(1) })
    await rig.share.begin()
    expect(rig.share.lease()).toBeNull()
    rig.lease = false
    let sent = false
    void rig.share.lease()?.then(() => {
      sent = true
    })
    await rig.clock.advance('10s')
    expect(sent).toBe(false)
    rig.lease = true
    await rig.clock.advance('1s')
    expect(sent).toBe(true)
  })

  it('takes nothing up any more when others have taken over', async () => {
    const { share, listener, clock, story } = rigged({ grants: clean(1) })
    await share.begin()
    listener().lost(new LinkspanError('JOURNAL_TAKEN_OVER', 'gone'))
    listener().granted(clean(2))
    await clock.run()
    expect(story).toEqual(['took up 1', 'lost JOURNAL_TAKEN_OVER'])
  })
})
