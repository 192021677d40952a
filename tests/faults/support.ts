/** Engines in a simulated world that can die, and journals whose protections can be switched off. */
import {
  createEngine,
  defineProject,
  type Flow,
  type Journal,
  type JournalFactory,
  type MountableEngine,
} from 'linkspan'
import type { Clock } from 'linkspan/connect'
import {
  type MemoryLogger,
  memoryLogger,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from 'linkspan/testing'

/** One batch of changes for a journal. */
export type Batch = Parameters<Journal['commit']>[0]

/** Engines one after the other on one journal, under one virtual clock. */
export interface World {
  readonly clock: VirtualClock
  readonly logger: MemoryLogger
  readonly engine: MountableEngine
  /** Starts an engine; other flows are those of a new deployment. */
  start(flows?: readonly Flow[]): Promise<void>
  /** Ends the engine as SIGKILL would: nothing of it does anything any more. */
  kill(): void
}

/** Makes a world in which no engine lives yet. */
export function createWorld(flows: readonly Flow[], journal: JournalFactory & { crash?: () => void }): World {
  const clock = virtualClock()
  const logger = memoryLogger()
  let life: { readonly engine: MountableEngine; readonly end: () => void } | null = null
  return {
    clock,
    logger,
    get engine() {
      if (life === null) throw new Error('No engine lives. Start one.')
      return life.engine
    },
    async start(deployed = flows) {
      const mortal = mortalClock(clock)
      const outside = { clock: mortal.clock, logger, random: seededRandom(1) }
      const engine = createEngine(defineProject({ journal, flows: deployed }), { outside, directory: '/' })
      life = { engine, end: mortal.end }
      await clock.during(engine.start())
    },
    kill() {
      life?.end()
      journal.crash?.()
      life = null
    },
  }
}

/** A clock that does nothing more once its engine is dead. */
function mortalClock(clock: VirtualClock): { readonly clock: Clock; readonly end: () => void } {
  let alive = true
  const whileAlive = (run: () => void) => () => {
    if (alive) run()
  }
  return {
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      defer: (run) => clock.defer(whileAlive(run)),
      timer: (afterMs, run) => clock.timer(afterMs, whileAlive(run)),
    },
    end: () => {
      alive = false
    },
  }
}

/** A journal in front of which each batch passes a function. */
export function through(
  factory: JournalFactory,
  pass: (batch: Batch, commit: Journal['commit']) => ReturnType<Journal['commit']>,
): JournalFactory {
  return changed(factory, (journal) => ({
    commit: (batch) => pass(batch, (given) => journal.commit(given)),
  }))
}

/** A journal of which some parts are others than the factory makes. */
export function changed<Factory extends JournalFactory>(
  factory: Factory,
  change: (journal: Journal) => Partial<Journal>,
): Factory {
  return {
    ...factory,
    async open(environment) {
      const journal = await factory.open(environment)
      return {
        ...journal,
        ...change(journal),
      }
    },
  }
}

/** A gate that batches wait before while it is shut. */
export interface Gate {
  shut(): void
  lift(): void
}

/** A journal whose batches wait before a gate, as they would for a disk that hangs. */
export function gated(factory: JournalFactory): { readonly journal: JournalFactory; readonly gate: Gate } {
  let passing = Promise.withResolvers<void>()
  passing.resolve()
  const journal = through(factory, async (batch, commit) => {
    await passing.promise
    return commit(batch)
  })
  const gate: Gate = {
    shut: () => {
      passing = Promise.withResolvers<void>()
    },
    lift: () => passing.resolve(),
  }
  return { journal, gate }
}

/** Protection off: a journal that answers before it commits. For batches without dedupe keys. */
export function answeringEarly(factory: JournalFactory): JournalFactory {
  let lastSeq = 0
  let written: Promise<unknown> = Promise.resolve()
  return through(factory, async (batch, commit) => {
    written = written
      .then(() => new Promise((resolve) => setImmediate(resolve)))
      .then(() => commit(batch))
      .catch(() => undefined)
    const accepted = batch.accept.map(() => {
      lastSeq += 1
      return { seq: lastSeq, duplicateOf: null }
    })
    return { accepted }
  })
}
