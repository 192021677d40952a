import { expect, test } from 'vitest'
import { virtualClock } from '../../testing/virtual-clock.ts'
import type { Grant, OwnershipListener } from '../journal.ts'
import type { Query, Row } from './client.ts'
import { createMember, type Member } from './ownership.ts'

const LEASE_MS = 10_000
const DATABASE_MS = 1_800_000_000_000
const WALL_MS = 1_900_000_000_000
const BEAT: Row = { now_ms: DATABASE_MS + 2_000, owned: null, surplus: 0, crew: '1', mail: null }
const owning = (...partitions: readonly number[]): Row => ({
  ...BEAT,
  owned: JSON.stringify(partitions.map((partition) => [partition, null, null, null])),
})
const lost = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' })
const fenced = (): Error => Object.assign(new Error('others'), { code: 'LK001', severity: 'ERROR' })

interface Bench {
  readonly member: Member
  readonly clock: ReturnType<typeof virtualClock>
  /** Which functions were called, with what beside who and when. */
  readonly asked: (readonly [name: string, ...values: readonly unknown[]])[]
  readonly told: unknown[]
  readonly listener: OwnershipListener
  /** Functions whose answers are lost. */
  readonly losing: Set<string>
  /** What the database answers next; after that what it answered last. */
  readonly answers: (Row | Error)[]
}

/** A member whose database answers as it is told to. */
function bench(...answers: (Row | Error)[]): Bench {
  const clock = virtualClock()
  const asked: Bench['asked'] = []
  const told: unknown[] = []
  const losing = new Set<string>()
  let last: Row = BEAT
  const ask = async ({ text, values = [] }: Query): Promise<readonly Row[]> => {
    const name = /\.(\w+)_1\(/.exec(text)?.[1] ?? text
    asked.push([name, ...values.slice(name === 'poll' ? 1 : 4)])
    if (losing.has(name)) throw lost()
    const answer =
      name === 'release' || name === 'recovered' || name === 'close' ? {} : (answers.shift() ?? last)
    if (answer instanceof Error) throw answer
    if (name === 'beat') last = answer
    return [answer]
  }
  const membership = {
    member: 1,
    incarnation: 'i',
    partitions: 4,
    crashed: false,
    lastSeq: 0,
    lowWater: 1,
    historySize: 0,
    sentAt: clock.monotonic(),
    answered: { sentAt: clock.monotonic(), receivedAt: clock.monotonic(), nowMs: DATABASE_MS },
  }
  const member = createMember({
    link: { ask },
    schema: '"s"',
    place: 'here',
    membership,
    leaseMs: LEASE_MS,
    names: { learn: async () => {}, nameOf: (code) => `flow ${code}` },
    clock,
    wall: () => WALL_MS,
    logger: { log: (...line) => void told.push(line[1]) },
    atRest: () => 7,
    activity: () => 0,
    running: () => Promise.reject(new Error('not asked')),
    members: () => Promise.reject(new Error('not asked')),
    survey: () => Promise.reject(new Error('not asked')),
  })
  const listener: OwnershipListener = {
    granted: (grants) => void told.push(['granted', ...grants.map(({ partition }) => partition)]),
    asked: (partitions) => void told.push(['asked', ...partitions]),
    handed: (places) => void told.push(['handed', ...places]),
    lost: ({ code }) => void told.push(['lost', code]),
  }
  return { member, clock, asked, told, losing, listener, answers }
}

const partitionsOf = (grants: readonly Grant[]): readonly number[] => grants.map(({ partition }) => partition)

test('beats five times per lease, and says what it knows', async () => {
  const { member, clock, asked, listener } = bench(owning(0, 1))
  expect(partitionsOf(await member.ownership.begin(listener))).toEqual([0, 1])
  await clock.advance(LEASE_MS)
  expect(asked).toEqual(Array.from({ length: 6 }, () => ['beat', true, 7, 0, WALL_MS]))
  await member.close(true)
  await clock.advance(LEASE_MS)
  expect(asked).toHaveLength(7)
})

test('does not take a share before it begins', async () => {
  const { clock, asked, member } = bench()
  await clock.advance(LEASE_MS / 5)
  expect(asked).toEqual([['beat', false, 7, 0, WALL_MS]])
  await member.close(true)
})

test('holds the lease from when it was asked for, less a margin, and not while nothing answers', async () => {
  const { member, clock, listener, answers } = bench(owning(0))
  await member.ownership.begin(listener)
  answers.push(...Array.from({ length: 5 }, lost))
  await clock.advance(LEASE_MS * 0.9 - 1)
  expect(member.ownership.holds()).toBe(true)
  await clock.advance(1)
  expect(member.ownership.holds()).toBe(false)
  await clock.advance(LEASE_MS)
  expect(member.ownership.holds()).toBe(true)
  await member.close(true)
})

test('tells what was granted by a beat whose answer was lost', async () => {
  const { member, clock, listener, answers } = bench(lost(), owning(2, 3))
  await expect(member.ownership.begin(listener)).rejects.toMatchObject({ code: 'JOURNAL_UNREACHABLE' })
  await clock.advance(LEASE_MS / 5)
  answers.push(owning(1, 2, 3))
  expect(partitionsOf(await member.ownership.begin(listener))).toEqual([2, 3, 1])
  await member.close(true)
})

test('asks for the surplus once, and again for what is still lacking', async () => {
  const { member, clock, listener, told, answers } = bench(owning(0, 1, 2, 3))
  const { ownership } = member
  await ownership.begin(listener)
  answers.push({ ...owning(0, 1, 2, 3), surplus: 1 }, { ...owning(0, 1, 2, 3), surplus: 2 })
  await clock.advance(LEASE_MS / 5)
  expect(told).toEqual([['asked', 3]])
  ownership.retire([3])
  expect([...ownership.owned]).toEqual([0, 1, 2])
  await clock.advance(LEASE_MS / 5)
  expect(told).toEqual([
    ['asked', 3],
    ['asked', 2],
  ])
  answers.push(owning(0, 1, 2))
  await ownership.release([3])
  await clock.advance(LEASE_MS / 5)
  expect(told).toHaveLength(2)
  await member.close(true)
})

test('takes nothing more once it gives back what nobody asked for', async () => {
  const { member, clock, asked, listener, answers } = bench(owning(0, 1))
  await member.ownership.begin(listener)
  member.ownership.retire([0, 1])
  answers.push(BEAT)
  await member.ownership.release([0, 1])
  await clock.advance(LEASE_MS / 5)
  expect(asked.slice(1).map(([name, takes]) => [name, takes])).toEqual([
    ['beat', false],
    ['release', [0, 1]],
    ['beat', false],
  ])
  await member.close(true)
})

test('does not take it for a loss that a partition is gone whose release was not answered', async () => {
  const { member, clock, told, losing, listener, answers } = bench(owning(0, 1))
  const { ownership } = member
  await ownership.begin(listener)
  answers.push({ ...owning(0, 1), surplus: 1 })
  await clock.advance(LEASE_MS / 5)
  ownership.retire([1])
  losing.add('release')
  await expect(ownership.release([1])).rejects.toMatchObject({ code: 'JOURNAL_UNREACHABLE' })
  answers.push(owning(0), owning(0, 1))
  await clock.advance((LEASE_MS / 5) * 2)
  expect(told, 'what came back meanwhile is released by the second call').toEqual([['asked', 1]])
  losing.clear()
  await ownership.release([1])
  answers.push(owning(0), owning(0, 1))
  await clock.advance((LEASE_MS / 5) * 2)
  expect(told).toEqual([
    ['asked', 1],
    ['granted', 1],
  ])
  await member.close(true)
})

test('looks for mail only while there are others, and tells it', async () => {
  const { member, clock, asked, told, listener, answers } = bench(owning(0))
  await member.ownership.begin(listener)
  await clock.advance(LEASE_MS / 5 - 1)
  expect(asked).toHaveLength(1)
  const others = { ...owning(0), crew: '1 2' }
  const poll = { lives: true, free: false, crew: '1 2', mail: null }
  answers.push(others, poll, { ...poll, mail: '[[5,9]]' }, poll)
  await clock.advance(1 + 3 * 25)
  expect(told).toEqual([['handed', 'flow 5', 9]].map(([what, ...place]) => [what, place]))
  expect(asked.slice(2)).toEqual([
    ['poll', 0],
    ['poll', 0],
    ['poll', 9],
  ])
  await member.close(true)
})

test('beats at once when it sees that somebody joined, left or gave back', async () => {
  const others = { ...owning(0), crew: '1 2' }
  const poll = { lives: true, free: false, crew: '1 2', mail: null }
  for (const seen of [
    { ...poll, crew: '1 2 3' },
    { ...poll, free: true },
    { ...poll, lives: false },
  ]) {
    const { member, clock, asked, listener, answers } = bench(others)
    await member.ownership.begin(listener)
    answers.push(seen, others, poll)
    await clock.advance(25)
    expect(asked.map(([name]) => name)).toEqual(['beat', 'poll', 'beat'])
    await member.close(true)
  }
})

test('is lost once, whoever finds out, and asks nothing after that', async () => {
  const { member, clock, asked, told, listener, answers } = bench(owning(0, 1))
  const { ownership } = member
  await ownership.begin(listener)
  answers.push(fenced())
  await clock.advance(LEASE_MS * 3)
  expect(told).toEqual(['journal.taken-over', ['lost', 'JOURNAL_TAKEN_OVER']])
  expect([asked.length, ownership.holds(), ownership.owned.size]).toEqual([2, false, 0])
  await expect(ownership.release([0])).rejects.toMatchObject({ code: 'JOURNAL_TAKEN_OVER' })
  await member.close(true)
  expect(asked).toHaveLength(2)
})

test('is lost when the database does not know any more what it granted', async () => {
  const { member, clock, told, listener, answers } = bench(owning(0, 1))
  await member.ownership.begin(listener)
  answers.push(owning(1))
  await clock.advance(LEASE_MS / 5)
  expect(told).toEqual(['journal.taken-over', ['lost', 'JOURNAL_TAIL_LOST']])
})
