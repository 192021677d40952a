import type { Row } from './row.ts'
import type { Statement } from './sql.ts'

/** What a statement answered. */
export interface SqlResult {
  readonly rows: readonly Row[]
  /** How many rows it read, inserted, updated or deleted, as the database counts them. */
  readonly changes: number
}

/**
 * Statements that belong together, on one connection: each is yielded, and gets its result or is thrown its failure. As a
 * generator it is the same for clients that wait for answers and for SQLite, which has them at once.
 */
export type Work<T> = Generator<Statement, T, SqlResult>

/** How far a work has come, for whoever has to judge its failure. */
export interface Moment {
  /** Whether what is under way may take effect although its answer is lost. */
  open: boolean
}

/** Makes a work whose statements take effect all together or not at all. */
export function* transaction<T>(begin: string, moment: Moment, body: () => Work<T>): Work<T> {
  yield plain(begin)
  try {
    const value = yield* body()
    moment.open = true
    yield plain('commit')
    return value
  } catch (thrown) {
    yield* rollback()
    throw thrown
  }
}

/** Makes a work of one statement that is a transaction by itself. */
export function* alone(moment: Moment, statement: Statement): Work<SqlResult> {
  moment.open = true
  return yield statement
}

/** Where the connection is lost there is nothing to take back. */
function* rollback(): Work<void> {
  try {
    yield plain('rollback')
  } catch {
    // The failure before it is the one that counts.
  }
}

/** A statement without values. */
export function plain(text: string): Statement {
  return { text, values: [] }
}

/** Does a work by a client that answers later. */
export async function drive<T>(work: Work<T>, run: (statement: Statement) => Promise<SqlResult>): Promise<T> {
  let step = work.next()
  while (!step.done) {
    let result: SqlResult
    try {
      result = await run(step.value)
    } catch (thrown) {
      step = work.throw(thrown)
      continue
    }
    step = work.next(result)
  }
  return step.value
}

/** Does a work by a client that answers at once: nobody comes in between. */
export function driveNow<T>(work: Work<T>, run: (statement: Statement) => SqlResult): T {
  let step = work.next()
  while (!step.done) {
    let result: SqlResult
    try {
      result = run(step.value)
    } catch (thrown) {
      step = work.throw(thrown)
      continue
    }
    step = work.next(result)
  }
  return step.value
}
