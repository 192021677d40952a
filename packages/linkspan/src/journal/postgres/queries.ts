import { kin } from '../codes.ts'

/** A query on the hot path, with its parameters' types. */
export interface HotQuery {
  readonly name: string
  readonly text: string
}

/** The queries that an engine makes while it works, all by index; the tests ask the database how it runs them. */
export interface HotQueries {
  readonly load: HotQuery
  readonly childOf: HotQuery
  readonly childrenOfStep: HotQuery
  readonly childrenOfAnyStep: HotQuery
  readonly openChildren: HotQuery
  readonly page: HotQuery
  readonly pageOfKey: HotQuery
  readonly pageOfParent: HotQuery
  readonly due: HotQuery
  readonly nextDue: HotQuery
  readonly unsettled: HotQuery
  readonly getState: HotQuery
  readonly listState: HotQuery
  readonly getCursor: HotQuery
}

const WAIT = 'seq, flow, key, reason, wake_at, hold, parent, attempt, bytes'

/** Three index walks in the order of places, each cut at the limit, so that a page costs the same in any backlog. */
const pageSql = (waits: string): string => {
  const ready = (of: number): string =>
    `(SELECT seq FROM ${waits} WHERE flow = $1 AND reason = 0 AND kin = ${of} AND seq > $2 ORDER BY seq LIMIT $3)`
  return `SELECT ${WAIT} FROM ${waits} WHERE seq IN (
    ${ready(kin.root)} UNION ${ready(kin.free)}
    UNION (SELECT seq FROM ${waits} WHERE flow = $1 AND hold AND parent IS NULL AND seq > $2 ORDER BY seq LIMIT $3)
  ) ORDER BY seq LIMIT $3`
}

/** The hot queries on the tables of a schema. */
export function hotQueries(schema: string): HotQueries {
  const waits = `${schema}.waits`
  const messages = `${schema}.messages`
  const state = `${schema}.state`
  const texts = {
    load: `SELECT * FROM ${schema}.load_1($1::bigint[])`,
    childOf: `SELECT seq FROM ${messages} WHERE parent_seq = $1 AND parent_path = $2 AND parent_index = $3 AND seq > $1`,
    childrenOfStep: `SELECT seq FROM ${messages} WHERE parent_seq = $1 AND parent_path = $2 AND parent_index >= $3 AND seq > $1
      ORDER BY parent_index LIMIT $4`,
    childrenOfAnyStep: `SELECT seq FROM ${messages} WHERE parent_seq = $1 AND parent_index >= $2 AND seq > $1
      ORDER BY parent_path, parent_index LIMIT $3`,
    openChildren: `SELECT open FROM ${schema}.families WHERE parent = $1 AND path = $2`,
    page: pageSql(waits),
    pageOfKey: `SELECT ${WAIT} FROM ${waits} WHERE flow = $1 AND left(key, 200) = left($2, 200) AND key = $2 AND lane
      AND seq > $3 AND seq <= $4 ORDER BY seq LIMIT $5`,
    pageOfParent: `SELECT ${WAIT} FROM ${waits} WHERE parent = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
    due: `SELECT ${WAIT} FROM ${waits} WHERE flow = $1 AND wake_at <= $2 ORDER BY wake_at, seq LIMIT $3`,
    nextDue: `SELECT wake_at FROM ${waits} WHERE flow = $1 AND wake_at IS NOT NULL ORDER BY wake_at LIMIT 1`,
    unsettled: `SELECT g.seq FROM generate_series($1::bigint, $2::bigint) AS g(seq)
      WHERE NOT EXISTS (SELECT FROM ${schema}.settlements s WHERE s.seq = g.seq AND s.seq >= $1 AND s.seq <= $2)
      AND NOT EXISTS (SELECT FROM ${waits} w WHERE w.seq = g.seq AND w.seq >= $1 AND w.seq <= $2)
      ORDER BY g.seq LIMIT $3`,
    getState: `SELECT value FROM ${state} WHERE id = $1 AND (until IS NULL OR until > $2)`,
    listState: `SELECT key, value, until FROM ${state} WHERE left(scope, 100) = left($1, 100) AND scope = $1
      AND left(key, 200) >= left($2, 200) AND key > $2 AND (until IS NULL OR until > $3)
      ORDER BY left(key, 200), key LIMIT $4`,
    getCursor: `SELECT value FROM ${schema}.cursors WHERE name = $1`,
  }
  const named = Object.entries(texts).map(([name, text]) => [name, { name: `linkspan ${name}`, text }])
  return Object.fromEntries(named) as { readonly [Name in keyof HotQueries]: HotQuery }
}
