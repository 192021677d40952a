import { type HistoryRows, historyRows } from './history-rows.ts'
import type { Links } from './links.ts'
import { createNames } from './names.ts'
import { closedError, failureOf, journalError } from './postgres-error.ts'
import { hotQueries } from './queries.ts'
import type { Reading } from './reading.ts'
import type { Ask, SchemaFacts } from './schema.ts'

/** What a journal is made on. */
export interface Base {
  readonly links: Links
  readonly place: string
  readonly facts: SchemaFacts
}

/** Who reads, and by what. */
export interface Parts {
  readonly reading: Reading
  readonly history: HistoryRows
  isClosed: boolean
}

/** Makes what reads: all of it fails once the journal is closed. */
export function readingParts(
  schema: string,
  { links, place }: Base,
  lowWater: Reading['lowWater'],
  share: Pick<Reading, 'share' | 'partitions'>,
): Parts {
  const guard = <Result>(doing: string, run: () => Promise<Result>): Promise<Result> =>
    parts.isClosed
      ? Promise.reject(closedError(place))
      : reread(run).catch((error: unknown) => {
          throw journalError(error, place, doing)
        })
  const look: Reading['look'] = (text, ...values) =>
    guard('Reading', () => links.people.ask({ text, values }))
  const reading: Reading = {
    schema,
    place,
    names: createNames(
      async (text, values = []) => (await look(text, ...values)) as Awaited<ReturnType<Ask>>,
      schema,
    ),
    queries: hotQueries(schema),
    ask: (query, ...values) => guard('Reading', () => links.readers.askPrepared({ ...query, values })),
    look,
    lowWater: () => guard('Reading', lowWater),
    ...share,
  }
  const parts: Parts = { reading, history: historyRows(reading), isClosed: false }
  return parts
}

/** A connection that broke while it was idle is found out by the next question: that one is asked again. */
async function reread<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run()
  } catch (error) {
    if (failureOf(error) !== 'lost') throw error
    return run()
  }
}
