import type { Taker } from './intake.ts'
import { type FlowNames, identityOf } from './former-names.ts'
import { partitionOf } from './homes.ts'
import { type KeptSource, keepSource, type SourceOptions } from './sources.ts'

/** The sources of all flows. Each runs on the engine that owns its partition. */
export interface SourceKeeping {
  readonly byFlow: ReadonlyMap<string, KeptSource>
  /** Starts those that run here, now and when partitions are gained. */
  open(): void
  /** Partitions were added to this engine's share. */
  gained(): void
  /** Stops those that no longer run here. */
  rest(partitions: readonly number[]): Promise<void>
  stop(): Promise<void>
}

/** What keeping all sources takes. */
export interface SourceKeepingOptions extends Omit<SourceOptions, 'isHere'> {
  readonly takers: ReadonlyMap<string, Taker>
  readonly partitions: number
  /** The partitions of this engine's share. */
  readonly owned: ReadonlySet<number>
}

/** Keeps the sources of all flows. */
export function keepSources({ takers, partitions, owned, ...options }: SourceKeepingOptions): SourceKeeping {
  const homeOf = (flow: FlowNames): number => partitionOf('source', identityOf(flow), partitions)
  const isHere = (flow: FlowNames): boolean => owned.has(homeOf(flow))
  const byFlow = new Map(
    [...takers].map(([name, taker]) => [name, keepSource(taker, { ...options, isHere })] as const),
  )
  let opened = false

  const startAll = (): void => {
    for (const [name, source] of byFlow) if (!takers.get(name)?.queue.paused) source.start()
  }

  return {
    byFlow,
    open() {
      opened = true
      startAll()
    },
    gained() {
      if (opened) startAll()
    },
    async rest(left) {
      const leaving = [...takers.values()].filter(({ flow }) => left.includes(homeOf(flow.flow.definition)))
      await Promise.all(leaving.map(({ flow }) => byFlow.get(flow.name)?.stop()))
    },
    async stop() {
      opened = false
      await Promise.allSettled([...byFlow.values()].map((source) => source.stop()))
    },
  }
}
