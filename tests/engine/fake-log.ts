import { type Connector, configSchema, type SourceContext, type SourceDeclaration } from 'linkspan/connect'

/** A record of a partition. */
export interface Logged<T> {
  readonly partition: number
  readonly offset: number
  readonly body: T
}

/**
 * A partitioned log in memory, with one group of readers: it outlives engines, delivers from what was committed, and
 * commits what is settled, in the order of each partition.
 */
export interface FakeLog<T> {
  readonly source: SourceDeclaration<T>
  append(partition: number, ...bodies: readonly T[]): void
  /** The next offset to be read, by partition. */
  readonly committed: readonly number[]
  /** How often each record was handed in, by `partition:offset`. */
  readonly delivered: ReadonlyMap<string, number>
  /** Whether all is committed. */
  readonly isAtEnd: boolean
  /** Takes a partition from who reads it, as a group does that is divided anew, and gives it to whoever asks `regive`. */
  revoke(partition: number): void
  regive(partition: number): void
  /** Breaks the subscription. */
  fail(error: unknown): void
}

/** How a {@link FakeLog} is made. */
export interface FakeLogOptions<T> {
  readonly partitions?: number
  readonly key?: (body: T) => string
  readonly batch?: number
  /** Why it cannot be the record of its messages. @default it can */
  readonly unfit?: string
}

interface Reader {
  readonly context: SourceContext
  readonly done: Map<number, Set<number>>
  readonly next: number[]
  readonly term: number[]
  open: boolean
  wake: () => void
}

/** Makes an empty log. */
export function fakeLog<T>({ partitions = 2, key, batch = 10, unfit }: FakeLogOptions<T> = {}): FakeLog<T> {
  const records: T[][] = Array.from({ length: partitions }, () => [])
  const committed = records.map(() => 0)
  const terms = records.map(() => 0)
  const revoked = new Set<number>()
  const delivered = new Map<string, number>()
  let reader: Reader | null = null
  const connector: Connector<object, object> = {
    name: 'log',
    spec: { summary: 'A log.', stability: 'stable', options: [] },
    config: configSchema({}),
    connect: async () => ({}),
  }

  const settle = (of: Reader, partition: number, offset: number, term: number): void => {
    if (of !== reader || !of.open || terms[partition] !== term) return
    const done = of.done.get(partition) ?? new Set()
    of.done.set(partition, done.add(offset))
    for (let at = committed[partition] as number; done.delete(at); at += 1) committed[partition] = at + 1
  }

  const nextBatch = (of: Reader): readonly Logged<T>[] =>
    records
      .flatMap((all, partition) =>
        revoked.has(partition)
          ? []
          : all.map((body, offset) => ({ partition, offset, body })).slice(of.next[partition]),
      )
      .slice(0, batch)

  const read = async (of: Reader): Promise<void> => {
    while (of.open) {
      const found = nextBatch(of)
      if (found.length === 0) {
        await new Promise<void>((resolve) => {
          of.wake = resolve
        })
        continue
      }
      const messages = found.map(({ partition, offset, body }) => {
        const term = terms[partition] as number
        const place = `${partition}:${offset}`
        delivered.set(place, (delivered.get(place) ?? 0) + 1)
        return {
          body,
          dedupeKey: place,
          ...(key === undefined ? {} : { key: key(body) }),
          delivery: {
            settled: () => settle(of, partition, offset, term),
            isOurs: () => of.open && of === reader && terms[partition] === term && !revoked.has(partition),
          },
        }
      })
      try {
        await of.context.accept(messages, null)
      } catch (error) {
        if (!of.open) return
        throw error
      }
      for (const { partition, offset } of found) of.next[partition] = offset + 1
    }
  }

  const source: SourceDeclaration<T> = {
    kind: 'stream',
    connector: 'log',
    name: 'records',
    options: {},
    connection: { name: 'log', connector: connector as never, optional: true },
    runs: 'everywhere',
    log: { unfit: unfit ?? null },
    start: async (context) => {
      const mine: Reader = {
        context,
        done: new Map(),
        next: [...committed],
        term: [...terms],
        open: true,
        wake: () => undefined,
      }
      reader = mine
      void read(mine)
      return {
        stop: async () => {
          mine.open = false
          mine.wake()
        },
      }
    },
  }

  return {
    source,
    append(partition, ...bodies) {
      records[partition]?.push(...bodies)
      reader?.wake()
    },
    committed,
    delivered,
    get isAtEnd() {
      return records.every((all, partition) => committed[partition] === all.length)
    },
    revoke(partition) {
      revoked.add(partition)
      terms[partition] = (terms[partition] as number) + 1
      reader?.done.delete(partition)
    },
    regive(partition) {
      revoked.delete(partition)
      if (reader) reader.next[partition] = committed[partition] as number
      reader?.wake()
    },
    fail: (error) => reader?.context.failed(error),
  }
}
