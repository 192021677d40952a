import type { Duration } from '../../model/duration.ts'
import { isLinkspanError, LinkspanError } from '../../model/errors.ts'
import type { BatchedCall, CallContext, CallOutcome } from '../connector.ts'
import type { EffectGuarantee } from './guarantees.ts'
import { takenMeanwhile } from './inbox.ts'
import { type RowInput, rowsStatements, type Target } from './rows-statement.ts'
import type { Statement } from './sql.ts'
import { type Patience, type SqlClient, withLimit } from './sql-client.ts'
import type { Work } from './work.ts'

/** How an operation writes rows. */
export interface RowWriting {
  /** For people. */
  readonly what: string
  readonly target: Target
  readonly guarantee: EffectGuarantee
  rowsOf(input: unknown): readonly RowInput[]
}

/** What a call wrote. */
export interface Written {
  /** How many rows it gave. */
  readonly rows: number
}

interface Call {
  readonly mark: string
  readonly rows: readonly RowInput[]
}

/** Writes the rows of one call. */
export async function writeOne(
  writing: RowWriting,
  client: SqlClient,
  input: unknown,
  call: CallContext,
): Promise<Written> {
  const rows = writing.rowsOf(input)
  await write(writing, client, [{ mark: call.mark, rows }], call)
  return { rows: rows.length }
}

/**
 * Writes the rows of several calls in one transaction. Where the database refuses it, each half is written by itself, down
 * to the calls that are refused: their neighbours lose nothing by them.
 */
export function writeSeveral(
  writing: RowWriting,
  client: SqlClient,
  batched: readonly BatchedCall<unknown>[],
): Promise<readonly CallOutcome<Written>[]> {
  const read = batched.map(({ input, call }) => readCall(writing, input, call.mark))
  const calls = read.filter((each): each is Call => !('error' in each))
  const contexts = batched.map(({ call }) => call)
  return withLimit(client.clock, contexts, async (patience) => {
    const outcomes = (await inHalves(writing, client, calls, patience)).values()
    return read.map((each) => ('error' in each ? each : (outcomes.next().value as CallOutcome<Written>)))
  })
}

/** A call whose rows cannot be had fails alone. */
function readCall({ rowsOf }: RowWriting, input: unknown, mark: string): Call | { readonly error: unknown } {
  try {
    return { mark, rows: rowsOf(input) }
  } catch (error) {
    return { error: isLinkspanError(error) ? error : stumbled(error) }
  }
}

function stumbled(cause: unknown): LinkspanError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new LinkspanError('STEP_FAILED', `The operation's row function failed: ${message}`, { cause })
}

async function inHalves(
  writing: RowWriting,
  client: SqlClient,
  calls: readonly Call[],
  patience: Patience,
): Promise<readonly CallOutcome<Written>[]> {
  if (calls.length === 0) return []
  try {
    await write(writing, client, calls, patience)
    return calls.map(({ rows }) => ({ result: { rows: rows.length } }))
  } catch (error) {
    if (calls.length === 1 || !isRefusal(error)) return calls.map(() => ({ error }))
    const middle = calls.length >> 1
    const first = await inHalves(writing, client, calls.slice(0, middle), patience)
    return [...first, ...(await inHalves(writing, client, calls.slice(middle), patience))]
  }
}

/** Nothing was done because of something in it, which need not be in all of it. */
function isRefusal(error: unknown): boolean {
  return isLinkspanError(error) && error.retry === 'never' && error.applied === 'no'
}

/** Writes calls together. A repeated one of a known mark is passed over. */
async function write(
  writing: RowWriting,
  client: SqlClient,
  calls: readonly Call[],
  patience: Patience,
): Promise<void> {
  const { what, guarantee, target } = writing
  const statements = (those: readonly Call[]): readonly Statement[] =>
    rowsStatements(
      client.dialect,
      target,
      those.flatMap(({ rows }) => rows),
    )
  if (guarantee.kind === 'key') {
    const { validFor } = guarantee
    return client.once(what, () => markedRows(client, what, calls, validFor, statements), patience)
  }
  const all = statements(calls)
  const [only] = all
  if (only === undefined) return
  if (all.length > 1) return client.together(what, () => inOrder(all), patience)
  // A statement by itself is a transaction; to begin and end one would take two more round trips.
  await client.each(what, (run) => run(only), patience)
}

function* inOrder(statements: readonly Statement[]): Work<void> {
  for (const statement of statements) yield statement
}

function* markedRows(
  { inbox }: SqlClient,
  what: string,
  calls: readonly Call[],
  validFor: Duration,
  statements: (calls: readonly Call[]) => readonly Statement[],
): Work<void> {
  const marks = calls.map(({ mark }) => mark)
  // One alone is known by whether its mark was new; of several it has to be said which were.
  const known = calls.length > 1 ? yield* inbox.known(marks) : new Map()
  const fresh = calls.filter(({ mark }) => !known.has(mark))
  if (fresh.length === 0) return
  const taken = yield* inbox.take(
    fresh.map(({ mark }) => mark),
    validFor,
  )
  if (taken === 0 && calls.length === 1) return
  if (taken !== fresh.length) throw takenMeanwhile(what)
  yield* inOrder(statements(fresh))
}
