import type { Duration } from '../../model/duration.ts'
import type { Json } from '../../model/message.ts'
import type { CallContext } from '../connector.ts'
import type { EffectGuarantee } from './guarantees.ts'
import { render, type Sql, type Statement } from './sql.ts'
import type { SqlClient } from './sql-client.ts'
import type { SqlResult, Work } from './work.ts'

/** Runs the statements of a call in one transaction; with a key, together with its mark. */
export async function execute(
  what: string,
  statement: (input: unknown) => Sql | readonly Sql[],
  guarantee: EffectGuarantee,
  client: SqlClient,
  input: unknown,
  call: CallContext,
): Promise<SqlResult> {
  const given = statement(input)
  const statements = (Array.isArray(given) ? given : [given]).map((each) => render(each, client.dialect))
  if (guarantee.kind !== 'key') return client.together(what, () => inOrder(statements), call)
  const { validFor } = guarantee
  return client.once(what, () => markedOnce(client, call.mark, validFor, statements), call)
}

/** The result is that of the last statement. */
function* inOrder(statements: readonly Statement[]): Work<SqlResult> {
  let result: SqlResult = { rows: [], changes: 0 }
  for (const statement of statements) result = yield statement
  return result
}

function* markedOnce(
  { inbox }: SqlClient,
  mark: string,
  validFor: Duration,
  statements: readonly Statement[],
): Work<SqlResult> {
  const taken = yield* inbox.take([mark], validFor)
  if (taken === 0) return (yield* inbox.known([mark])).get(mark) as unknown as SqlResult
  const result = yield* inOrder(statements)
  yield* inbox.answer(mark, result as unknown as Json)
  return result
}
