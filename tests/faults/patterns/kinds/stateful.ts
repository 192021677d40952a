/** Steps that keep state between messages. What depends on order is drawn where an order is promised only. */
import { asChain, type Kind, kindOf, named } from '../kind.ts'
import { identityOf, type Maker, mixed, type Step, type Thing } from '../recipe.ts'
import type { Group, Line, Message } from '../walk.ts'

const isOrdered = ({ way, inChild }: Maker): boolean => way.order !== 'none' && !inChild

/** Longer than everything that meets takes, faults and all; much shorter than the time between epochs. */
const GROUP_MS = 9 * 3_600_000
const LINE_MS = 3 * 3_600_000
/** For a group that nobody else belongs to. */
const ALONE_MS = 600_000

interface StateStep extends Step {
  readonly kind: 'state'
  /** A sum for each key, or one count of all that come. */
  readonly of: 'key' | 'all'
}

const state: Kind<StateStep> = {
  kind: 'state',
  draw: (maker, name) => ({
    kind: 'state',
    name,
    of: isOrdered(maker) && maker.draws.chance(0.7) ? 'key' : 'all',
  }),
  build(steps, { name, of }, builder) {
    if (of === 'key')
      return asChain(
        steps
          .state(name, { key: ({ key }) => key, initial: () => 0, as: name }, (sum, { v }) => ({
            state: mixed(sum, v),
            result: sum,
          }))
          .map((body, ctx) => ({ ...body, v: mixed(body.v, named<number>(ctx, name)) })),
      )
    const seen = `${name} seen`
    const counted = steps.state(name, { key: () => 'all', initial: () => 0, as: name }, (count) => ({
      state: count + 1,
      result: count + 1,
    }))
    const input = builder.sunk(seen, (_body, ctx) => named<number>(ctx, name))
    return asChain(counted.to(seen, builder.operation('key', false), { input }))
  },
  run({ name, of }, walk) {
    if (of === 'all') {
      walk.counted(`${name} seen`)
      return 'on'
    }
    const cell = walk.cell(name, walk.thing.key, () => ({ sum: 0 }))
    const before = cell.sum
    cell.sum = mixed(before, walk.thing.v)
    walk.thing = { ...walk.thing, v: mixed(walk.thing.v, before) }
    return 'on'
  },
}

interface DedupeStep extends Step {
  readonly kind: 'dedupe'
  /** Messages of a key with the same rest are the same; null where each part of a message is another. */
  readonly mod: number | null
  readonly remember: 'seen' | 'unlessFailed' | 'done'
}

const sameness = (thing: Thing, mod: number | null): string =>
  mod === null ? identityOf(thing) : `${thing.key} ${thing.v % mod}`

const dedupe: Kind<DedupeStep> = {
  kind: 'dedupe',
  draw(maker, name) {
    const { draws } = maker
    if (!isOrdered(maker)) return { kind: 'dedupe', name, mod: null, remember: 'seen' }
    // Where messages let go of their key, whether one has ended when the next one asks is a matter of time.
    const remember = maker.frees ? 'seen' : draws.pick(['seen', 'unlessFailed', 'done'] as const)
    return { kind: 'dedupe', name, mod: draws.whole(3, 6), remember }
  },
  build: (steps, { name, mod, remember }) =>
    asChain(steps.dedupe(name, { by: (body) => sameness(body, mod), remember, for: '1000d' })),
  run({ name, mod, remember }, { message, thing, cell }) {
    const seen = cell(name, sameness(thing, mod), (): { by: readonly Message[] } => ({ by: [] }))
    const others = seen.by.filter((other) => other !== message)
    const left = remember === 'seen' ? others : others.filter(({ ending }) => ending !== 'dead')
    if (left.some(({ ending }) => remember !== 'done' || ending !== null)) return { end: 'filtered' }
    seen.by = [...left, message]
    return 'on'
  },
}

interface SampleStep extends Step {
  readonly kind: 'sample'
  /** One of so many; null for one in each epoch. */
  readonly every: number | null
}

const sample: Kind<SampleStep> = {
  kind: 'sample',
  draw(maker, name) {
    if (!isOrdered(maker)) return null
    return { kind: 'sample', name, every: maker.draws.chance(0.7) ? maker.draws.whole(1, 3) : null }
  },
  build: (steps, { name, every }) =>
    asChain(
      steps.sample(name, { key: ({ key }) => key, ...(every === null ? { per: '1d' as const } : { every }) }),
    ),
  run({ name, every }, { thing, cell, epoch }) {
    const seen = cell(name, thing.key, () => ({ count: 0, epoch: -1 }))
    if (every === null) {
      if (seen.epoch === epoch()) return { end: 'filtered' }
      seen.epoch = epoch()
      return 'on'
    }
    seen.count += 1
    return seen.count % every === 0 ? 'on' : { end: 'filtered' }
  },
}

interface AggregateStep extends Step {
  readonly kind: 'aggregate'
  /** Messages of a key; those of all keys, at the end of a flow; or each part of a message alone. */
  readonly of: 'key' | 'all' | 'one'
  readonly by: 'size' | 'last' | 'when'
  readonly size: number
  readonly timeout: 'timeout' | 'maxAge' | null
  readonly closed: 'fail' | 'filter' | null
}

const isLast = ({ v }: Thing, size: number): boolean => v % (size + 1) === 0
const isEnough = (sum: number, size: number): boolean => sum % (size + 1) === 0

const aggregate: Kind<AggregateStep> = {
  kind: 'aggregate',
  draw(maker, name) {
    const { draws, way, frees, inChild, inTurns, depth } = maker
    const size = draws.whole(1, 4)
    const by = draws.pick(['size', 'size', 'last', 'when'] as const)
    const timeout = draws.pick(['timeout', 'maxAge'] as const)
    if (maker.isLast && frees && depth === 0 && !inChild && draws.chance(0.4))
      return { kind: 'aggregate', name, of: 'all', by: 'size', size: size + 1, timeout, closed: null }
    if (!isOrdered(maker))
      return {
        kind: 'aggregate',
        name,
        of: 'one',
        by: 'size',
        size: draws.whole(1, 2),
        timeout,
        closed: null,
      }
    // Who leads a group waits, and lets go of its key.
    if (!frees)
      return { kind: 'aggregate', name, of: 'key', by: 'size', size: 1, timeout: null, closed: null }
    const timed = !inTurns && draws.chance(0.5)
    if (timed) way.order = 'none'
    const closed = draws.pick([null, null, 'fail', 'filter'] as const)
    return { kind: 'aggregate', name, of: 'key', by, size, timeout: timed ? timeout : null, closed }
  },
  build(steps, { name, of, by, size, timeout, closed }, builder) {
    const key = (body: Thing): string => ({ key: body.key, all: 'all', one: identityOf(body) })[of]
    const sized = {
      ...(timeout === null ? {} : { [timeout]: of === 'one' ? ALONE_MS : GROUP_MS }),
      ...(by === 'size' ? { size } : {}),
    }
    const complete = {
      ...sized,
      ...(by === 'last' ? { last: (body: Thing) => isLast(body, size) } : {}),
      ...(by === 'when' ? { when: (sum: number) => isEnough(sum, size) } : {}),
    }
    const kept = closed === null ? {} : { closed: { for: '1000d', late: closed } as const }
    if (of !== 'all')
      return asChain(
        steps
          .aggregate(name, {
            key,
            initial: () => 0,
            add: (sum: number, { v }) => mixed(sum, v),
            complete,
            result: (sum: number, { count }) => mixed(sum, count),
            as: name,
            ...kept,
          })
          .map((body, ctx) => ({ ...body, v: mixed(body.v, named<number>(ctx, name)) })),
      )
    const seen = `${name} seen`
    const members = steps.aggregate(name, {
      key,
      initial: (): string[] => [],
      add: (all: string[], body) => [...all, identityOf(body)],
      complete: sized,
      as: name,
    })
    const sunk = builder.sunk(seen)
    return asChain(
      members.to(seen, builder.operation('key', false), {
        input: (body, ctx) => ({
          ...sunk(asThing(body), ctx),
          item: named<string[]>(ctx, name).join(' '),
          value: 0,
        }),
      }),
    )
  },
  *run({ name, of, by, size, timeout, closed }, walk) {
    const { thing } = walk
    if (of === 'all') {
      walk.pooled(`${name} seen`, size)
      return 'on'
    }
    if (of === 'one') {
      walk.stream = null
      walk.thing = { ...thing, v: mixed(thing.v, mixed(mixed(0, thing.v), 1)) }
      return 'on'
    }
    const cell = walk.cell(name, thing.key, (): { open: Group | null; closed: boolean } => ({
      open: null,
      closed: false,
    }))
    if (cell.closed) return closed === 'filter' ? { end: 'filtered' } : { fail: 'AGGREGATE_CLOSED' }
    const isFirst = cell.open === null
    cell.open ??= { sum: 0, count: 0, state: timeout === null ? 'open' : 'timed' }
    const group = cell.open
    group.sum = mixed(group.sum, thing.v)
    group.count += 1
    const complete = {
      size: group.count >= size,
      last: isLast(thing, size),
      when: isEnough(group.sum, size),
    }[by]
    if (!complete && !isFirst) return { end: 'done' }
    if (!complete) {
      walk.stream = null
      yield { hold: 'group', group }
      // Another one has completed it meanwhile.
      if (group.state === 'complete') return { end: 'done' }
    }
    group.state = 'complete'
    cell.open = null
    cell.closed = closed !== null
    walk.thing = { ...thing, v: mixed(thing.v, mixed(group.sum, group.count)) }
    return 'on'
  },
}

const asThing = (body: unknown): Thing => body as Thing

interface ResequenceStep extends Step {
  readonly kind: 'resequence'
  readonly late: 'fail' | 'filter' | 'pass'
}

const resequence: Kind<ResequenceStep> = {
  kind: 'resequence',
  draw({ way, frees, depth, isFirst, draws }, name) {
    if (!frees || depth > 0 || !isFirst || way.order !== 'accepted') return null
    const late = draws.pick(['fail', 'filter', 'pass'] as const)
    way.order = late === 'pass' ? 'none' : 'places'
    return { kind: 'resequence', name, late }
  },
  build: (steps, { name, late }) =>
    asChain(steps.resequence(name, { place: ({ place }) => place, first: 1, timeout: LINE_MS, late })),
  *run({ name, late }, walk) {
    const { thing, flow } = walk
    const { place } = thing
    const line = walk.cell(name, thing.key, (): Line => ({ next: 1 }))
    walk.stream = late === 'pass' ? null : { name: `${flow} ${thing.key} behind ${name}`, rank: place }
    if (place > line.next) yield { hold: 'sequence', line, place }
    if (place < line.next) {
      if (late === 'pass') return 'on'
      return late === 'filter' ? { end: 'filtered' } : { fail: 'SEQUENCE_PASSED' }
    }
    line.next = place + 1
    return 'on'
  },
}

export const stateful: readonly Kind[] = [
  kindOf(state),
  kindOf(dedupe),
  kindOf(sample),
  kindOf(aggregate),
  kindOf(resequence),
]
