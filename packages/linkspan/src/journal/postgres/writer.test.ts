import { expect, test } from 'vitest'
import type { Clock } from '../../model/outside.ts'
import { batch, newMessage } from '../../testing/journal-suite/harness.ts'
import type { Query, Row } from './client.ts'
import type { Link } from './link.ts'
import { createNames } from './names.ts'
import { openWriter, type Writer } from './writer.ts'

type Answer = Row | Error

const still: Clock = {
  now: () => 0,
  monotonic: () => 0,
  timer: () => () => {},
  defer: (run) => setImmediate(run),
}
const lost = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' })
const full = (): Error => Object.assign(new Error('no space'), { code: '53100', severity: 'ERROR' })
const noVolume = (): Error => Object.assign(new Error('no partition'), { code: '23514', severity: 'ERROR' })
const answered = (first: number): Row => ({ first, repeats: null })

/** A writer whose database gives these answers, one after the other. */
function writerWith(...answers: Answer[]): { writer: Writer; asked: Query[]; covered: number[] } {
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
    coverAfter: async (place: number) => void covered.push(place),
    keepAhead: () => {},
  }
  const membership = {
    member: 1,
    incarnation: 'i',
    crashed: false,
    lastSeq: 5,
    lowWater: 0,
    historySize: 0,
  }
  const writer = openWriter({
    link,
    schema: '"s"',
    place: 'here',
    names: createNames(async () => [], '"s"'),
    volumes,
    membership,
    leaseMs: 10_000,
    clock: still,
    logger: { log: () => {} },
  })
  return { writer, asked, covered }
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
  expect([asked.length, covered]).toEqual([2, [6]])
})

test('says how many commits it knows to be there, so that a database that has fewer is found out', async () => {
  const { writer, asked } = writerWith(answered(6), lost(), answered(7), answered(8))
  await writer.commit(one)
  await writer.commit({ ...one, id: 2 }).catch(() => undefined)
  await writer.commit({ ...one, id: 2 })
  await writer.commit({ ...one, id: 3 })
  expect(asked.map(({ values }) => values?.[3])).toEqual([0, 1, 1, 2])
})
