import { expect } from 'vitest'
import type { JournalEnvironment, StoredMessage } from '../../../packages/linkspan/src/journal/journal.ts'
import {
  type CommitFate,
  type SimulatedJournal,
  simulated,
} from '../../../packages/linkspan/src/journal/simulated/simulated.ts'
import { type VirtualClock, virtualClock } from '../../../packages/linkspan/src/testing/virtual-clock.ts'
import { type ModelEngine, modelEngine, type Seen, type Taken } from './model-engine.ts'

/** What happens next, in terms of engines that may or may not be there. */
export type Action =
  | { readonly do: 'join'; readonly skewMs: number }
  | { readonly do: 'accept'; readonly who: number; readonly flow: string; readonly key: string | null }
  | { readonly do: 'start' | 'finish' | 'suspend'; readonly who: number; readonly pick: number }
  | { readonly do: 'read' | 'recover' | 'give' | 'crash' | 'close' | 'wake'; readonly who: number }
  | { readonly do: 'pause'; readonly who: number; readonly within: 'nothing' | 'asking' | 'answering' }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'fail'; readonly fate: CommitFate }

/** A life of an engine. */
interface Life {
  readonly engine: ModelEngine
  state: 'awake' | 'paused' | 'dead' | 'closed'
  /** What it was doing when it was paused. */
  doing: Promise<unknown>
}

export const PARTITIONS = 5
const MOST_ENGINES = 4

/** Plays actions on a shared journal, and looks at all invariants after each of them. */
export async function play(actions: readonly Action[], seen: Seen): Promise<void> {
  const world = createModelWorld(seen)
  for (const action of actions) {
    await world.act(action)
    await world.check()
  }
  await world.bringToRest()
}

function createModelWorld(seen: Seen) {
  const clock = virtualClock()
  const lives: Life[] = []
  /** Tokens in the order of the commits that were to write them, and those that were answered. */
  const written: string[] = []
  const answered = new Set<string>()
  const fates: CommitFate[] = []
  let pauseInCommit = false
  let tokens = 0
  const factory: SimulatedJournal = simulated({
    partitions: PARTITIONS,
    lease: '10s',
    clock,
    onCommit: ({ accept }, _n, member) => {
      const fate = fates.shift() ?? 'ok'
      if (fate === 'ok' || fate.endsWith('-after'))
        for (const { token } of accept) if (!written.includes(token)) written.push(token)
      if (fate.startsWith('unreachable')) seen.lostAnswers += 1
      if (pauseInCommit) factory.pause(member)
      pauseInCommit = false
      const life = lives.find(({ engine }) => engine.member === member)
      if (life && fate.startsWith('lost')) life.state = 'dead'
      return fate
    },
  })
  const environmentOf = (skewMs: number): JournalEnvironment => ({
    directory: '/',
    clock: skewed(clock, skewMs),
    logger: { log: () => {} },
  })
  const awake = (): Life[] => lives.filter(({ state }) => state === 'awake')
  const chosen = (who: number, from: Life[] = awake()): Life | undefined =>
    from[who % Math.max(1, from.length)]
  /** Waits for what an engine does, unless it dies or sleeps meanwhile. */
  const during = async (life: Life, doing: Promise<unknown>): Promise<void> => {
    let over = false
    life.doing = doing.finally(() => {
      over = true
    })
    life.doing.catch(() => undefined)
    for (let turns = 0; !over && life.state === 'awake' && turns < 100; turns += 1) await clock.settle()
    if (over) await life.doing
    else expect(life.state, 'what an engine does ends').not.toBe('awake')
  }
  const join = async (skewMs: number): Promise<void> => {
    if (awake().length >= MOST_ENGINES) return
    const engine = await modelEngine(await factory.open(environmentOf(skewMs)), seen)
    lives.push({ engine, state: 'awake', doing: Promise.resolve() })
  }
  const accept = async ({ engine }: Life, flow: string, key: string | null): Promise<void> => {
    tokens += 1
    const token = await engine.accept(flow, key, `token${String(tokens).padStart(7, '0')}`)
    if (token !== null) answered.add(token)
  }
  const pause = async (life: Life, within: string): Promise<void> => {
    if (within === 'answering') pauseInCommit = true
    if (within !== 'nothing') life.doing = accept(life, 'orders', 'a')
    if (within === 'answering') await clock.settle()
    factory.pause(life.engine.member)
    if (life.state === 'awake') life.state = 'paused'
    pauseInCommit = false
  }
  const wake = async (life: Life): Promise<void> => {
    life.state = 'awake'
    factory.wake(life.engine.member)
    await during(life, life.doing)
  }

  const rows = async (): Promise<readonly StoredMessage[]> => {
    const reader = await factory.openForReading(environmentOf(0))
    return reader.history.query({ limit: 100_000, order: 'oldest' })
  }
  const survey = async () => (await factory.openForReading(environmentOf(0))).ownership.survey()

  /** Nothing of the same key that was accepted before may be unfinished, but what stepped aside. */
  const checkOrder = async ({ seq, flow, key }: Taken): Promise<void> => {
    if (key === null) return
    const before = (await rows()).filter(
      (row) =>
        row.seq < seq &&
        row.flow === flow &&
        row.key === key &&
        row.ending === null &&
        row.wait?.reason !== 'delay',
    )
    expect(
      before.map((row) => row.seq),
      `unfinished before ${seq} of ${flow} ${key}`,
    ).toEqual([])
  }

  const act = async (action: Action): Promise<void> => {
    if (action.do === 'join') return join(action.skewMs)
    if (action.do === 'pass') return clock.advance(action.ms)
    if (action.do === 'fail') return void fates.push(action.fate)
    if (action.do === 'wake') {
      const sleeper = chosen(
        action.who,
        lives.filter(({ state }) => state === 'paused'),
      )
      return sleeper && wake(sleeper)
    }
    const life = chosen(action.who)
    if (life === undefined) return
    const { engine } = life
    if (action.do === 'accept') return during(life, accept(life, action.flow, action.key))
    if (action.do === 'start') {
      const started = engine.start(action.pick)
      if (started === null) return
      seen.started += 1
      return checkOrder(started)
    }
    if (action.do === 'finish' || action.do === 'suspend') return during(life, engine[action.do](action.pick))
    if (action.do === 'pause') return pause(life, action.within)
    if (action.do === 'crash') return end(life, 'dead')
    if (action.do === 'close') return end(life, 'closed')
    return during(life, engine[action.do]())
  }
  const end = async (life: Life, how: 'dead' | 'closed'): Promise<void> => {
    life.state = how
    if (how === 'dead') factory.crash(life.engine.member)
    else await life.engine.journal.close()
  }

  const check = async (): Promise<void> => {
    const { members, partitions } = await survey()
    const present = lives.filter(({ state }) => state === 'awake' || state === 'paused')
    const owners = new Map(partitions.map(({ partition, owner }) => [partition, owner]))
    const fenced = (member: number): boolean => {
      const row = members.find((one) => one.member === member)
      return row === undefined || (row.state === 'dead' && row.partitions.length === 0)
    }
    for (const { engine } of present) {
      const { owned } = engine.journal.ownership
      for (const partition of owned)
        if (owners.get(partition) !== engine.member) expect(fenced(engine.member), 'owned by two').toBe(true)
      if (engine.journal.ownership.holds())
        for (const partition of owned) expect(owners.get(partition), 'held').toBe(engine.member)
    }
    for (const row of await rows()) {
      const owner = lives.find(({ engine }) => engine.member === owners.get(row.partition))
      const running = present.filter(({ engine }) => engine.taken.get(row.seq)?.runs)
      expect(
        running.filter(({ engine }) => !fenced(engine.member)).length,
        `${row.seq} runs twice`,
      ).toBeLessThan(2)
      for (const { engine } of running) if (engine !== owner?.engine) expect(fenced(engine.member)).toBe(true)
      if (row.ending !== null || row.wait !== null) {
        expect(row.ending === null || row.wait === null, 'ended and waiting').toBe(true)
        continue
      }
      await checkUnstored(row, owner)
    }
  }
  /** What has neither a wait nor an ending runs at its owner, or is to be recovered: one of both. */
  const checkUnstored = async (row: StoredMessage, owner: Life | undefined): Promise<void> => {
    if (owner === undefined || owner.state === 'dead') return
    const { engine } = owner
    const here = engine.taken.get(row.seq)?.stored === false || engine.underWay.has(tokenOf(row))
    if (owner.state === 'paused') return expect(here || !engine.lost).toBe(true)
    const left = (await engine.journal.backlog.unsettled(row.seq - 1, 1))[0]?.seq === row.seq
    expect([here, left].filter(Boolean).length, `${row.seq} is in one place`).toBe(1)
  }

  /** All that are there wake, one engine outlives all others, and does all that is left. */
  const bringToRest = async (): Promise<void> => {
    fates.length = 0
    for (const life of lives.filter(({ state }) => state === 'paused')) {
      await wake(life)
      await check()
    }
    for (const life of awake()) await checkWriting(life)
    for (const life of awake()) await end(life, 'dead')
    await join(0)
    const [last] = awake() as [Life]
    for (let waited = 0; last.engine.journal.ownership.owned.size < PARTITIONS; waited += 1) {
      await clock.advance('1s')
      expect(waited, 'all partitions are free after a lease').toBeLessThan(30)
    }
    await during(last, last.engine.recover())
    const all = await rows()
    expect(all.filter(({ ending, wait }) => ending === null && wait === null)).toEqual([])
    await drain(last)
    await check()
    checkAcceptances(await rows())
  }
  /** Who was fenced is refused, and who was not is not. */
  const checkWriting = async (life: Life): Promise<void> => {
    const { engine } = life
    const row = (await survey()).members.find(({ member }) => member === engine.member)
    const owns = (row?.partitions.length ?? 0) > 0
    const before = answered.size
    await during(life, accept(life, 'orders', null))
    if (owns) expect(engine.lost, 'an owner may write').toBe(false)
    expect(answered.size - before).toBe(engine.lost ? 0 : 1)
  }
  const drain = async (life: Life): Promise<void> => {
    for (;;) {
      await during(life, life.engine.read())
      const started = life.engine.start(0)
      if (started === null) break
      await checkOrder(started)
      await during(life, life.engine.finish(0))
    }
    const left = (await rows()).filter(({ ending, wait }) => ending === null && wait?.reason !== 'delay')
    expect(
      left.map(({ seq }) => seq),
      'what is not ended',
    ).toEqual([])
  }
  const checkAcceptances = (all: readonly StoredMessage[]): void => {
    const found = all.map(tokenOf)
    expect(
      written.filter((token) => found.includes(token)),
      'places rise in the order of commits',
    ).toEqual(found)
    for (const token of answered) expect(found, 'accepted means kept').toContain(token)
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_row, at) => at + 1))
    seen.accepted += found.length
    seen.ended += all.filter(({ ending }) => ending !== null).length
  }

  return { act, check, bringToRest }
}

function tokenOf({ id }: StoredMessage): string {
  return id.slice(id.indexOf('-') + 1)
}

function skewed({ timer, defer, now, monotonic }: VirtualClock, skewMs: number): JournalEnvironment['clock'] {
  return { now: () => now() + skewMs, monotonic: () => monotonic() + Math.abs(skewMs), timer, defer }
}
