/**
 * Faults that are planted in a pattern or in the engine. A run with one of them has to find something: that proves that it
 * can see.
 */
import type { JournalFactory } from 'linkspan'
import type { CompileTools, Pass, Pattern } from '../../../packages/linkspan/src/patterns/index.ts'
import { patternsByKind } from '../../../packages/linkspan/src/patterns/index.ts'
import type { Batch } from '../simulation/disk.ts'
import type { Network } from '../simulation/network.ts'
import { through } from '../support.ts'

/** What is planted. */
interface Planted {
  readonly what: string
  /** Within how many seeds, from 1 on, something must be found. */
  readonly within: number
  /** In which kinds of steps. */
  readonly kinds?: readonly string[]
  /** What their passes do otherwise. */
  readonly pass?: (pass: Pass) => Partial<Pass>
  /** What they compile with. */
  readonly tools?: (tools: CompileTools) => Partial<CompileTools>
  /** What the journal is handed. */
  readonly batch?: (batch: Batch) => Batch
  /** What the network is handed. */
  readonly mark?: (mark: string, calls: number) => string
}

/** The first change of each pass is made again. */
function again(pass: Pass): Partial<Pass> {
  let changes = 0
  return {
    update(path, scope, key, change) {
      changes += 1
      return changes === 1
        ? pass.update(path, scope, key, change, 'again')
        : pass.update(path, scope, key, change)
    },
  }
}

const firstTurn = (pass: Pass): Partial<Pass> => ({ turn: (path, _turn, run) => pass.turn(path, 1, run) })

const CONTROL = {
  aggregateTwice: {
    what: 'a member of a group is counted once more when its message is computed again',
    within: 60,
    kinds: ['aggregate'],
    pass: again,
  },
  stateTwice: {
    what: 'a state is changed once more when its message is computed again',
    within: 60,
    kinds: ['state'],
    pass: again,
  },
  balanceTwice: {
    what: 'a load balancer chooses once more when its message is computed again',
    within: 100,
    kinds: ['loadBalance'],
    pass: again,
  },
  sampleTwice: {
    what: 'sampling counts a message once more when it is computed again',
    within: 100,
    kinds: ['sample'],
    pass: again,
  },
  loopIndexLost: {
    what: 'a loop forgets in which turn it is',
    within: 60,
    kinds: ['loop'],
    pass: firstTurn,
  },
  slipPlaceLost: {
    what: 'a routing slip and a dynamic router forget in which turn they are',
    within: 60,
    kinds: ['routingSlip', 'dynamicRouter'],
    pass: firstTurn,
  },
  sagaSkips: {
    what: 'a saga does not undo what it did',
    within: 60,
    kinds: ['saga'],
    pass: () => ({ runAt: () => undefined }),
  },
  finallySkips: {
    what: 'a try does not run its last part',
    within: 60,
    kinds: ['try'],
    tools: (tools) => ({
      program: (scope) => (scope === 'finally' ? { run: () => undefined } : tools.program(scope)),
    }),
  },
  joinMissesOne: {
    what: 'a join leaves out the last child',
    within: 60,
    kinds: ['split', 'multicast', 'recipients'],
    pass: (pass) => ({ outputs: (path) => butLast(pass.outputs(path)) }),
  },
  resequencerOpen: {
    what: 'a resequencer lets everything go on at once',
    within: 100,
    kinds: ['resequence'],
    pass: (pass) => ({
      update: async (path, scope, key, change) => {
        const seen = await pass.update(path, scope, key, change)
        return { ...(seen as object), did: 'goes', wake: null } as unknown as typeof seen
      },
    }),
  },
  dedupeForgets: {
    what: 'an idempotent consumer takes each message for the first one',
    within: 60,
    kinds: ['dedupe'],
    pass: () => ({ update: async () => true as never }),
  },
  keyNotHeld: {
    what: 'a wait that holds its key lets go of it',
    within: 60,
    kinds: ['delay', 'throttle', 'waitFor'],
    pass: (pass) => ({
      pause: (path, until, _hold, more) => pass.pause(path, until, false, more),
      sleep: (path, until) => pass.sleep(path, until, false),
    }),
  },
  keyLost: {
    what: 'it is not on record which messages hold their keys',
    within: 100,
    batch: (batch) => ({ ...batch, waits: batch.waits.map((wait) => ({ ...wait, hold: false })) }),
  },
  recordsLost: {
    what: 'what steps put on record is not written',
    within: 20,
    batch: (batch) => ({ ...batch, records: [] }),
  },
  stateLost: {
    what: 'changes of state are not written',
    within: 40,
    batch: (batch) => ({ ...batch, state: [] }),
  },
  marksChange: {
    what: 'the key of a call is another one at each attempt',
    within: 40,
    mark: (mark, calls) => `${mark}-${calls}`,
  },
} as const satisfies Record<string, Planted>

/** The planted faults, by name. */
export type Control = keyof typeof CONTROL
export const CONTROLS: Readonly<Record<Control, Planted>> = CONTROL

/** Plants what belongs into patterns, for all that is compiled from now on; the answer takes it out again. */
export function planted(control: Control | undefined): () => void {
  const { kinds = [], pass, tools }: Partial<Planted> = control === undefined ? {} : CONTROLS[control]
  const lifts = kinds.map((kind) => {
    const pattern = patternsByKind.get(kind) as { -readonly [Part in keyof Pattern]: Pattern[Part] }
    const { compile } = pattern
    pattern.compile = (node, code, given) => {
      const executor = compile(node, code, tools ? { ...given, ...tools(given) } : given)
      return pass ? (real) => executor(changed(real, pass(real))) : executor
    }
    return () => {
      pattern.compile = compile
    }
  })
  return () => {
    for (const lift of lifts) lift()
  }
}

/** A pass of which some parts are others. */
function changed(pass: Pass, change: Partial<Pass>): Pass {
  return new Proxy(pass, {
    get(target, part) {
      const given = (part in change ? change : target) as Record<PropertyKey, unknown>
      const value = given[part]
      return typeof value === 'function' ? value.bind(given) : value
    },
    set: (target, part, value) => Reflect.set(target, part, value, target),
  })
}

async function* butLast<T>(all: AsyncIterable<T>): AsyncGenerator<T> {
  let before: { readonly value: T } | null = null
  for await (const value of all) {
    if (before) yield before.value
    before = { value }
  }
}

/** The journal as one engine opens it, with or without a fault. */
export function withoutRecords(control: Control | undefined, journal: JournalFactory): JournalFactory {
  const batch = control === undefined ? undefined : CONTROLS[control].batch
  return batch === undefined ? journal : through(journal, (given, commit) => commit(batch(given)))
}

/** The network, with or without a fault. */
export function withoutNetwork(control: Control | undefined, network: Network): Network {
  const mark = control === undefined ? undefined : CONTROLS[control].mark
  if (mark === undefined) return network
  let calls = 0
  return {
    ...network,
    disturbed: network.disturbed,
    call: (life, request) => {
      calls += 1
      return network.call(life, { ...request, mark: mark(request.mark, calls) })
    },
  }
}
