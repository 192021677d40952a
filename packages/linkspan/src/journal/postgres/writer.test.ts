import { expect, test } from 'vitest'
import { batch, ending, newMessage } from '../../testing/journal-suite/harness.ts'
import type { Query, Row } from './client.ts'
import { COMMIT_PARAMETERS } from './commit-parameters.ts'
import { createLease } from './lease.ts'
import type { Link } from './link.ts'
import { createMail } from './mail.ts'
import { createNames } from './names.ts'
import { openWriter, type Writer } from './writer.ts'

type Answer = Row | Error

const still = { monotonic: () => 0 }

const lost = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' })
const full = (): Error => Object.assign(new Error('no space'), { code: '53100', severity: 'ERROR' })
const noVolume = (): Error => Object.assign(new Error('no partition'), { code: 'LK006', severity: 'ERROR' })
const answered = (first: number, parts: Row = {}): Row => ({
  first,
  repeats: null,
  behind: null,
  stale: null,
  mail: null,
  ...parts,
})

/** A writer whose database gives these answers, one after the other. */
function writerWith(...answers: Answer[]): {
  writer: Writer
  asked: Query[]
  covered: number[]
  told: ReadonlyMap<string, number>[]
} {
  const told: ReadonlyMap<string, number>[] = []
  const asked: Query[] = []
  const covered: number[] = []
  const ask = async (query: Query): Promise<readonly Row[]> => {
    asked.push(query)
    const answer = answers.shift() ?? { kept: true }
    if (answer instanceof Error) throw answer
    return [answer]
  }
  const link: Link = {
    busy: 0,
    ask,
    askPrepared: ask,
    client: () => Promise.reject(lost()),
    drop: async () => {},
  }
  const volumes = {
    cover: async () => {},
    coverAhead: async (count: number) => void covered.push(count),
    keepAhead: () => {},
  }
  const writer = openWriter({
    link,
    schema: '"s"',
    place: 'here',
    names: createNames(async () => [], '"s"'),
    volumes,
    membership: { member: 1, incarnation: 'i', lastSeq: 5 },
    leaseMs: 10_000,
    lease: createLease(still, 10_000, () => {}),
    mail: createMail(
      { learn: async () => {}, nameOf: (code) => `flow ${code}` },
      () => (places) => void told.push(places),
    ),
    clock: still,
  })
  return { writer, asked, covered, told }
}

const one = batch(1, { accept: [newMessage()] })

test('no room after a lost reply may mean that the batch was written: it stays unknown', async () => {
  const { writer } = writerWith(lost(), full(), answered(6))
  await expect(writer.commit(one)).rejects.toMatchObject({ code: 'JOURNAL_UNREACHABLE' })
  await expect(writer.commit(one)).rejects.toMatchObject({ code: 'JOURNAL_UNREACHABLE' })
  expect((await writer.commit(one)).accepted).toEqual([{ seq: 6, duplicateOf: null }])
})

test('no room at the first attempt means that nothing was written', async () => {
  const { writer } = writerWith(answered(6), full())
  await writer.commit(one)
  await expect(writer.commit({ ...one, id: 2 })).rejects.toMatchObject({ code: 'JOURNAL_FULL' })
})

test('a commit that finds no volume has one made, and is sent again', async () => {
  const { writer, asked, covered } = writerWith(noVolume(), answered(6))
  expect((await writer.commit(one)).accepted).toEqual([{ seq: 6, duplicateOf: null }])
  expect([asked.length, covered]).toEqual([2, [1]])
})

test('says how many commits it knows to be there, so that a database that has fewer is found out', async () => {
  const { writer, asked } = writerWith(answered(6), lost(), answered(7), answered(8))
  await writer.commit(one)
  await writer.commit({ ...one, id: 2 }).catch(() => undefined)
  await writer.commit({ ...one, id: 2 })
  await writer.commit({ ...one, id: 3 })
  expect(asked.map(({ values }) => values?.[3])).toEqual([0, 1, 1, 2])
})

test('room that others used up is made again, but not for ever', async () => {
  const { writer, covered } = writerWith(noVolume(), noVolume(), noVolume(), answered(6))
  await writer.commit(one)
  expect(covered).toEqual([1, 1, 1])
  const never = writerWith(...Array.from({ length: 20 }, noVolume))
  await expect(never.writer.commit(one)).rejects.toMatchObject({ code: 'JOURNAL_FAILED' })
  expect(never.covered).toHaveLength(10)
})

test('tells what was handed over before the commit is answered, and asks only for what is new', async () => {
  const { writer, asked, told } = writerWith(answered(6, { mail: '[[1,9],[2,4]]' }), answered(7))
  await writer.commit(one).then(() => expect(told).toHaveLength(1))
  expect(told).toEqual([
    new Map([
      ['flow 1', 9],
      ['flow 2', 4],
    ]),
  ])
  await writer.commit({ ...one, id: 2 })
  const at = Object.keys(COMMIT_PARAMETERS).indexOf('p_mail')
  expect(asked.map(({ values }) => values?.[at])).toEqual([0, 9])
})

test('is at rest when all is answered and nothing that it accepted runs', async () => {
  const { writer } = writerWith(answered(6), answered(7, { behind: [1] }), answered(0), lost(), answered(0))
  expect(writer.atRest).toBe(0)
  const first = writer.commit(one)
  expect(writer.atRest).toBeNull()
  await first
  expect(writer.atRest).toBeNull()
  await writer.commit(batch(2, { accept: [newMessage({ key: 'k' })] }))
  expect(writer.atRest).toBeNull()
  await writer.commit(batch(3, { settle: [ending(6)] }))
  expect(writer.atRest).toBe(3)
  await writer.commit(batch(4, {})).catch(() => undefined)
  expect(writer.atRest).toBeNull()
  await writer.commit(batch(4, {}))
  expect(writer.atRest).toBe(4)
})
