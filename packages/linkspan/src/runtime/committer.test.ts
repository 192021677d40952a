import { describe, expect, it } from 'vitest'
import type { Batch, Committed, Journal, NewMessage } from '../journal/journal.ts'
import { LinkspanError } from '../model/errors.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { type Committer, createCommitter } from './committer.ts'

const message = (token: string): NewMessage => ({ token }) as NewMessage

interface World {
  readonly clock: ReturnType<typeof virtualClock>
  readonly batches: Batch[]
  readonly committer: Committer
  readonly told: string[]
  /** What the next commits do, one after the other; then they succeed. */
  readonly next: (() => Promise<Committed>)[]
  readonly refusing: (string | null)[]
  readonly failed: string[]
}

function createWorld(maxPending = 1_000): World {
  const clock = virtualClock()
  const batches: Batch[] = []
  const next: World['next'] = []
  const refusing: World['refusing'] = []
  const failed: string[] = []
  let seq = 0
  const journal = {
    commit: (batch: Batch): Promise<Committed> => {
      batches.push(batch)
      const special = next.shift()
      if (special) return special()
      return new Promise((resolve) => {
        clock.timer(5, () =>
          resolve({ accepted: batch.accept.map(() => ({ seq: ++seq, duplicateOf: null })) }),
        )
      })
    },
  } as unknown as Journal
  const committer = createCommitter({
    journal,
    clock,
    maxPending,
    lowWater: () => 7,
    onCommit: () => undefined,
    onRefusing: (error) => refusing.push(error?.code ?? null),
    onFailed: (error) => failed.push(error.code),
  })
  return { clock, batches, committer, told: [], next, refusing, failed }
}

const accept = ({ committer, told }: World, token: string): void =>
  committer.accept(
    message(token),
    ({ seq }) => told.push(`${token}=${seq}`),
    (error) => told.push(`${token}:${error.code}`),
  )

const full = (): Promise<never> => Promise.reject(new LinkspanError('JOURNAL_FULL', 'no room'))
const unreachable = (): Promise<never> =>
  Promise.reject(new LinkspanError('JOURNAL_UNREACHABLE', 'no answer'))

/** Writes the frames of the last batch as a journal does: a number that it has written changes nothing any more. */
function write({ batches }: World, written: Map<number, readonly number[]>): Promise<Committed> {
  const batch = batches.at(-1) as Batch
  if (!written.has(batch.id))
    written.set(
      batch.id,
      batch.records.map(({ n }) => n),
    )
  return Promise.resolve({ accepted: [] })
}

describe('the committer', () => {
  it('puts what happens between two commits into one, and commits alone what comes alone', async () => {
    const world = createWorld()
    accept(world, 'a')
    accept(world, 'b')
    await world.clock.advance(1)
    accept(world, 'c')
    accept(world, 'd')
    await world.clock.run()
    expect(world.batches.map((batch) => [batch.id, batch.accept.map(({ token }) => token)])).toEqual([
      [1, ['a', 'b']],
      [2, ['c', 'd']],
    ])
    expect(world.told).toEqual(['a=1', 'b=2', 'c=3', 'd=4'])
    expect(world.batches[0]?.lowWater).toBe(7)
  })

  it('hands over what has gathered before it answers for what was committed', async () => {
    const world = createWorld()
    const handedOver: number[] = []
    world.committer.accept(
      message('a'),
      () => handedOver.push(world.batches.length),
      ({ code }) => expect.fail(code),
    )
    await world.clock.advance(1)
    accept(world, 'b')
    await world.clock.run()
    expect(handedOver).toEqual([2])
  })

  it('tells nobody before the commit', async () => {
    const world = createWorld()
    world.next.push(() => new Promise(() => undefined))
    accept(world, 'a')
    world.committer.after(() => world.told.push('after'))
    await world.clock.advance('1h')
    expect(world.batches).toHaveLength(1)
    expect(world.told).toEqual([])
  })

  it('refuses outside messages and their cursors when there is no room, keeps everything else, and goes on by itself', async () => {
    const world = createWorld()
    world.next.push(full, full)
    accept(world, 'a')
    world.committer.cursor(
      { name: 'source', value: '9' },
      () => world.told.push('moved'),
      (error) => world.told.push(`cursor:${error.code}`),
    )
    world.committer.add(message('inner'), ({ seq }) => world.told.push(`inner=${seq}`))
    await world.clock.advance(10)
    accept(world, 'b')
    world.committer.add(message('late'))
    expect(world.told).toEqual(['a:JOURNAL_FULL', 'cursor:JOURNAL_FULL', 'b:JOURNAL_FULL'])
    expect(world.refusing).toEqual(['JOURNAL_FULL'])
    await world.clock.run()
    expect(world.batches.at(-1)?.accept.map(({ token }) => token)).toEqual(['inner', 'late'])
    expect(world.batches.every((batch) => batch.id === 1)).toBe(true)
    expect(world.batches.slice(1).every((batch) => batch.cursors.length === 0)).toBe(true)
    expect(world.refusing).toEqual(['JOURNAL_FULL', null])
    accept(world, 'c')
    await world.clock.run()
    expect(world.told.at(-1)).toBe('c=3')
  })

  it('repeats the very same batch while the outcome is unknown', async () => {
    const world = createWorld()
    world.next.push(unreachable, unreachable)
    accept(world, 'a')
    await world.clock.advance(1)
    world.committer.add(message('later'))
    await world.clock.run()
    expect(world.batches.map((batch) => [batch.id, batch.accept.map(({ token }) => token)])).toEqual([
      [1, ['a']],
      [1, ['a']],
      [1, ['a']],
      [2, ['later']],
    ])
    expect(world.told).toEqual(['a=1'])
  })

  it('does not call refused for want of room what an unanswered attempt may have written', async () => {
    const world = createWorld()
    world.next.push(unreachable, full, full)
    accept(world, 'a')
    await world.clock.advance(150)
    world.committer.add(message('later'))
    expect(world.told).toEqual([])
    expect(world.refusing).toEqual(['JOURNAL_UNREACHABLE'])
    await world.clock.run()
    expect(world.batches.map((batch) => [batch.id, batch.accept.map(({ token }) => token)])).toEqual([
      [1, ['a']],
      [1, ['a']],
      [1, ['a']],
      [1, ['a']],
      [2, ['later']],
    ])
    expect(world.told).toEqual(['a=1'])
    expect(world.refusing).toEqual(['JOURNAL_UNREACHABLE', null])
  })

  it('loses nothing that comes while a commit that was written unanswered finds no room', async () => {
    const world = createWorld()
    const written = new Map<number, readonly number[]>()
    world.next.push(() => {
      write(world, written)
      return unreachable()
    }, full)
    for (let attempts = 0; attempts < 4; attempts++) world.next.push(() => write(world, written))
    const record = (n: number): void => world.committer.record({ seq: 17, n, frame: new Uint8Array([n]) })
    record(1)
    await world.clock.advance(150)
    record(2)
    world.committer.after(() => world.told.push('2 is committed'))
    await world.clock.run()
    expect(world.told).toEqual(['2 is committed'])
    expect([...written.values()].flat()).toEqual([1, 2])
  })

  it('gives up for good when the journal does, and tells everybody', async () => {
    const world = createWorld()
    world.next.push(() => Promise.reject(new LinkspanError('JOURNAL_DAMAGED', 'torn')))
    accept(world, 'a')
    const flushed = world.committer.flush().catch((error: LinkspanError) => error.code)
    await world.clock.run()
    expect(await flushed).toBe('JOURNAL_DAMAGED')
    accept(world, 'b')
    expect(world.told).toEqual(['a:JOURNAL_DAMAGED', 'b:JOURNAL_DAMAGED'])
    expect(world.failed).toEqual(['JOURNAL_DAMAGED'])
    await expect(world.committer.flush()).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
  })

  it('tells those who come after it failed, who would wait for ever', async () => {
    const world = createWorld()
    const { committer, told } = world
    world.next.push(() => Promise.reject(new LinkspanError('JOURNAL_DAMAGED', 'torn')))
    accept(world, 'a')
    await world.clock.run()
    const tell = (what: string) => (error: LinkspanError) => void told.push(`${what}:${error.code}`)
    const moved = () => void told.push('moved')
    committer.cursor({ name: 'paused:a', value: '1' }, moved, tell('cursor'))
    const change = { scope: 's', key: 'k', value: null, until: null }
    committer.state(change, () => void told.push('written'), tell('state'))
    await world.clock.run()
    expect(told).toEqual(['a:JOURNAL_DAMAGED', 'cursor:JOURNAL_DAMAGED', 'state:JOURNAL_DAMAGED'])
  })

  it('does not call refused what an unanswered commit may have written', async () => {
    const takenOver = (): Promise<never> =>
      Promise.reject(new LinkspanError('JOURNAL_TAKEN_OVER', 'others have it'))
    const answered = createWorld()
    answered.next.push(takenOver)
    accept(answered, 'a')
    await answered.clock.run()
    expect(answered.told).toEqual(['a:JOURNAL_TAKEN_OVER'])

    const unanswered = createWorld()
    unanswered.next.push(unreachable, takenOver)
    accept(unanswered, 'a')
    await unanswered.clock.advance(1)
    unanswered.committer.cursor(
      {} as never,
      () => undefined,
      () => undefined,
    )
    await unanswered.clock.run()
    accept(unanswered, 'after')
    expect(unanswered.told).toEqual(['a:ACCEPTANCE_UNKNOWN', 'after:JOURNAL_TAKEN_OVER'])
    expect(unanswered.failed).toEqual(['JOURNAL_TAKEN_OVER'])

    const underWay = createWorld()
    underWay.next.push(() => new Promise(() => undefined))
    accept(underWay, 'a')
    await underWay.clock.advance(1)
    accept(underWay, 'b')
    underWay.committer.abandon(new LinkspanError('JOURNAL_TAKEN_OVER', 'others have it'))
    expect(underWay.told).toEqual(['a:ACCEPTANCE_UNKNOWN', 'b:JOURNAL_TAKEN_OVER'])
  })

  it('refuses outside messages beyond its bound, never inner ones', async () => {
    const world = createWorld(2)
    for (const token of ['a', 'b', 'c']) accept(world, token)
    world.committer.add(message('inner'), () => world.told.push('inner'))
    expect(world.told).toEqual(['c:ENGINE_BUSY'])
    expect(world.committer.full(1)?.code).toBe('ENGINE_BUSY')
    await world.clock.run()
    expect(world.told).toEqual(['c:ENGINE_BUSY', 'a=1', 'b=2', 'inner'])
  })

  it('flushes without a commit of its own when everything is under way already', async () => {
    const world = createWorld()
    accept(world, 'a')
    await world.clock.advance(1)
    const flushed = world.committer.flush()
    await world.clock.during(flushed)
    expect(world.batches).toHaveLength(1)
    expect(world.told).toEqual(['a=1'])
  })
})
