import { describe, expect, test } from 'vitest'
import { batch, newMessage, type Owner, ownerOf } from '../../testing/journal-suite/harness.ts'
import { type VirtualClock, virtualClock } from '../../testing/virtual-clock.ts'
import type { Grant, JournalEnvironment, NewMessage } from '../journal.ts'
import type { CommitFate } from './committing.ts'
import { type SimulatedJournal, simulated } from './simulated.ts'

/** An engine as far as a journal knows it, with what it was told. */
interface Engine extends Owner {
  readonly member: number
  readonly told: string[]
}

/** A world whose time is `clock`'s; an engine's own clock is ahead of it by `skewMs`. */
function environmentOf(clock: VirtualClock, skewMs = 0): JournalEnvironment {
  const { timer, defer } = clock
  const ahead = { now: () => clock.now() + skewMs, monotonic: () => clock.monotonic() + skewMs }
  return { directory: '/', clock: { ...ahead, timer, defer }, logger: { log: () => {} } }
}

async function engine(factory: SimulatedJournal, clock: VirtualClock, skewMs = 0): Promise<Engine> {
  const journal = await factory.open(environmentOf(clock, skewMs))
  const told: string[] = []
  const names = (grants: readonly Grant[]): string =>
    grants.map(({ partition, died }) => `${partition}${died ? `<${died.member}` : ''}`).join()
  const grants = await journal.ownership.begin({
    granted: (grants) => told.push(`granted ${names(grants)}`),
    asked: (partitions) => told.push(`asked ${partitions}`),
    handed: (places) => told.push(`handed ${[...places]}`),
    lost: ({ code }) => told.push(code),
  })
  told.push(`began with ${names(grants)}`)
  return { ...ownerOf(journal), member: journal.ownership.member, told }
}

const setUp = (options: Parameters<typeof simulated>[0] = {}) => {
  const clock = virtualClock({ start: 0 })
  return { clock, factory: simulated({ partitions: 4, lease: '10s', clock, ...options }) }
}

const at = (partition: number, parts: Partial<NewMessage> = {}): NewMessage =>
  newMessage({ partition, ...parts })

describe('a simulated journal that is shared', () => {
  test('lets a crashed member’s lease run out before anybody takes over', async () => {
    const { clock, factory } = setUp()
    const one = await engine(factory, clock)
    await clock.during(one.commit({ accept: [at(3)] }))
    const two = await engine(factory, clock)
    factory.crash(one.member)
    await clock.advance('9s')
    expect(two.told).toEqual(['began with '])
    await clock.advance('3s')
    expect(two.told).toEqual(['began with ', 'granted 0<1,1<1,2<1,3<1'])
    expect((await two.journal.backlog.unsettled(0, 10)).map(({ seq }) => seq)).toEqual([1])
    expect(one.told).toEqual(['began with 0,1,2,3'])
  })

  test('holds all back from a paused member, and refuses it when it wakes too late', async () => {
    const { clock, factory } = setUp()
    const one = await engine(factory, clock)
    const two = await engine(factory, clock)
    factory.pause(one.member)
    const answers: string[] = []
    const note = (error: { code: string }): void => void answers.push(error.code)
    one.commit({ accept: [at(0)] }).catch(note)
    void one.journal.messages.load([]).then(() => answers.push('loaded'))
    await clock.advance('15s')
    expect(answers).toEqual([])
    expect(two.told).toEqual(['began with ', 'granted 0<1,1<1,2<1,3<1'])
    expect(one.journal.ownership.holds()).toBe(false)
    factory.wake(one.member)
    await clock.settle()
    expect(answers).toEqual(['loaded', 'JOURNAL_TAKEN_OVER'])
    expect(one.told).toEqual(['began with 0,1,2,3', 'JOURNAL_TAKEN_OVER'])
    expect(await two.journal.messages.load([1])).toEqual([])
  })

  test('lets a member that wakes in time go on', async () => {
    const { clock, factory } = setUp()
    const one = await engine(factory, clock)
    factory.pause(one.member)
    const accepting = one.accept({})
    await clock.advance('9s')
    factory.wake(one.member)
    expect(await clock.during(accepting)).toEqual([1])
    await clock.advance('9s')
    expect(one.journal.ownership.holds()).toBe(true)
  })

  test('writes and does not answer when the pause comes with the commit', async () => {
    const { clock, factory } = setUp({
      onCommit: (_batch, n, member) => {
        if (n === 1) factory.pause(member)
        return 'ok'
      },
    })
    const one = await engine(factory, clock)
    let places: number[] = []
    void one.accept({}).then((answer) => {
      places = answer
    })
    await clock.settle()
    expect(places).toEqual([])
    const reader = await factory.openForReading(environmentOf(clock))
    expect(await reader.messages.load([1])).toHaveLength(1)
    factory.wake(one.member)
    await clock.settle()
    expect(places).toEqual([1])
  })

  test('leaves nothing to an engine that has opened it and not begun', async () => {
    const { clock, factory } = setUp()
    const opened = await factory.open(environmentOf(clock))
    await clock.advance('15s')
    const one = await engine(factory, clock)
    await clock.advance('15s')
    expect(one.told).toEqual(['began with 0,1,2,3'])
    expect(opened.ownership.holds()).toBe(true)
    expect([...opened.ownership.owned]).toEqual([])
  })

  test('measures leases by its own clock, however wrong those of the engines are', async () => {
    const { clock, factory } = setUp()
    const one = await engine(factory, clock, 30 * 86_400_000)
    const two = await engine(factory, clock, -7 * 86_400_000)
    await clock.advance('5m')
    const { now, members } = await two.journal.ownership.survey()
    expect(now).toBe(300_000)
    expect(members.map(({ since, leaseUntil, state }) => [since, leaseUntil, state])).toEqual([
      [0, 310_000, 'live'],
      [0, 310_000, 'live'],
    ])
    expect([one, two].map(({ journal }) => journal.ownership.holds())).toEqual([true, true])
  })

  test('asks for the fate of each member’s commits, and a loss ends that member only', async () => {
    const fates: string[] = []
    const { clock, factory } = setUp({
      onCommit: ({ id }, n, member): CommitFate => {
        fates.push(`${n}: batch ${id} of ${member}`)
        return member === 1 ? 'lost-after' : 'ok'
      },
    })
    const one = await engine(factory, clock)
    const two = await engine(factory, clock)
    void one.commit({ accept: [at(0)] })
    await clock.settle()
    await clock.during(two.commit({ accept: [at(0, { ready: true, handOver: true })] }))
    expect(fates).toEqual(['1: batch 1 of 1', '2: batch 1 of 2'])
    await clock.advance('15s')
    expect(two.told.at(-1)).toBe('granted 0<1,1<1,2<1,3<1')
  })

  test('shows an engine that runs what it does not own, and gives back what runs', async () => {
    const { clock, factory } = setUp()
    const one = await engine(factory, clock)
    const two = await engine(factory, clock)
    const refused = async (doing: Promise<unknown>, why: string): Promise<void> =>
      expect(clock.during(doing)).rejects.toThrow(why)
    await refused(two.commit({ accept: [at(0)] }), 'which member 2 does not own')
    await refused(two.commit({ accept: [at(4, { ready: true })] }), 'no partition 4 of 4')
    await clock.during(one.commit({ accept: [at(0)] }))
    await refused(one.journal.ownership.release([0]), 'not granted and retired')
    one.journal.ownership.retire([0, 1])
    await refused(one.journal.ownership.release([0]), 'something yet')
    await one.journal.ownership.release([1])
    await clock.advance('2s')
    expect(two.told).toEqual(['began with ', 'granted 1'])
    expect(await two.journal.messages.load([2])).toEqual([])
  })

  test('goes on after what was kept of it, once the leases of then have run out', async () => {
    const { clock, factory } = setUp()
    const one = await engine(factory, clock)
    await clock.during(one.commit({ accept: [at(2)] }))
    const snapshot = factory.snapshot()
    await clock.advance('1m')
    factory.restore(snapshot)
    const two = await engine(factory, clock)
    expect(two.told).toEqual(['began with 0<1,1<1,2<1,3<1'])
    expect(two.journal.opened).toEqual({ crashed: true, lastSeq: 1, historySize: 0 })
  })

  test('is refused with another count of partitions than it was made with', async () => {
    const { clock, factory } = setUp()
    for (const partitions of [1, 5]) {
      const other = simulated({ partitions })
      other.restore(factory.snapshot())
      await expect(other.open(environmentOf(clock))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
    for (const partitions of [0, 1.5, 1025])
      expect(() => simulated({ partitions })).toThrow(
        `"partitions" of the simulated journal is ${partitions}`,
      )
  })

  test('does the same in the same order each time', async () => {
    const tell = async (): Promise<string[]> => {
      const { clock, factory } = setUp()
      const engines = [await engine(factory, clock), await engine(factory, clock)]
      const [one, two] = engines as [Engine, Engine]
      await clock.advance('2s')
      one.journal.ownership.retire([2, 3])
      await one.journal.ownership.release([2, 3])
      await clock.advance('3s')
      const accept = [at(0, { ready: true, handOver: true }), at(3)]
      await clock.during(two.commit({ accept }))
      await clock.advance('1s')
      factory.crash(two.member)
      await clock.advance('20s')
      return [...one.told, ...two.told]
    }
    const first = await tell()
    expect(first).toEqual([
      'began with 0,1,2,3',
      'asked 2,3',
      'handed orders,1',
      'granted 2<2,3<2',
      'began with ',
      'granted 2,3',
    ])
    expect(await tell()).toEqual(first)
  })
})

test('batches of a member are numbered by themselves', async () => {
  const { clock, factory } = setUp()
  const one = await engine(factory, clock)
  const two = await engine(factory, clock)
  const ready = at(0, { ready: true, handOver: true })
  const first = await clock.during(one.journal.commit(batch(1, { accept: [ready] })))
  await clock.during(two.journal.commit(batch(1, { accept: [ready] })))
  expect(await clock.during(one.journal.commit(batch(1, { accept: [ready] })))).toEqual(first)
  expect(await one.journal.messages.load([1, 2, 3])).toHaveLength(2)
})
