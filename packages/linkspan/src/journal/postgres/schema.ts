import { LinkspanError } from '../../model/errors.ts'
import { hashHex } from '../../model/hashing.ts'
import { inOneLine, otherBuildError } from '../other-build.ts'
import { incompleteError } from '../transfer-errors.ts'
import { acceptSql } from './accept-sql.ts'
import { lockKey } from './commit-parameters.ts'
import { cellsSql, commitSql } from './commit-sql.ts'
import { lookSql } from './look-sql.ts'
import { membersSql } from './members-sql.ts'
import { readsSql } from './reads-sql.ts'
import { tablesSql } from './tables-sql.ts'
import { volumesSql } from './volumes-sql.ts'

/** Takes a journal from one format version to the next: SQL for a quoted schema name. */
export type Migration = (schema: string) => string

/** The migration at index `n` makes format version `n + 1` of version `n`; 0 is an empty schema. */
export const MIGRATIONS: readonly Migration[] = [createVersion1]

/**
 * What may be changed later while older engines run: anything beside what they use. A function that a version calls
 * stays as it is; its successor gets the next number. `usable_from` says which is the oldest version that still can.
 */
function createVersion1(schema: string): string {
  return [tablesSql, readsSql, membersSql, acceptSql, lookSql, cellsSql, commitSql, volumesSql]
    .map((sql) => sql(schema))
    .join('\n')
}

/** A schema's name, checked, between quotes. */
export function quoted(schema: string): string {
  if (/^[a-z_][a-z0-9_]{0,39}$/.test(schema) && !schema.startsWith('pg_')) return `"${schema}"`
  throw new LinkspanError(
    'CONFIG_INVALID',
    `"${schema}" cannot be the schema of a journal. Take up to 40 of a-z, 0-9 and _, beginning with a letter, not with pg_.`,
    { details: { schema } },
  )
}

/** What a database says of itself and of the schema. */
export interface SchemaFacts {
  readonly encoding: string
  readonly serverVersion: number
  /** Whether it is for reading only: a standby, or set so. */
  readonly readOnly: boolean
  readonly fsync: boolean
  readonly exists: boolean
  readonly mayCreate: boolean
  /** Whether it holds no table at all. */
  readonly empty: boolean
  readonly ours: boolean
  /** Whether it is a copy of a journal that is not whole yet. */
  readonly copying: boolean
  readonly version: number
  readonly usableFrom: number
  /** Of the migrations that made it, the first one first; none where an early build did not write them down. */
  readonly digests: readonly string[]
}

/** Asks a question and answers its rows. */
export type Ask = (
  text: string,
  values?: readonly unknown[],
) => Promise<readonly Readonly<Record<string, never>>[]>

/** Reads what a database says of a schema. */
export async function readFacts(ask: Ask, schema: string): Promise<SchemaFacts> {
  const [row] = await ask(FACTS, [schema.replaceAll('"', '')])
  const facts = row as unknown as Omit<SchemaFacts, 'copying' | 'version' | 'usableFrom' | 'digests'>
  if (!facts.ours) return { ...facts, copying: false, version: 0, usableFrom: 0, digests: [] }
  const [head] = await ask(
    `SELECT application, format, usable_from AS "usableFrom", to_jsonb(h) ->> 'digests' AS digests FROM ${schema}.head h`,
  )
  const { application, format, usableFrom, digests } = head as unknown as {
    application: string
    format: number
    usableFrom: number
    digests: string | null
  }
  const copying = application === COPYING
  return {
    ...facts,
    ours: copying || application === 'linkspan',
    copying,
    version: format,
    usableFrom,
    digests: digests === null ? [] : (JSON.parse(digests) as readonly string[]),
  }
}

/** What a migration is known by, whatever the schema is called. */
const digestOf = (migration: Migration): string => hashHex(inOneLine(migration('"journal"')), DIGEST_WORDS)

const DIGEST_WORDS = 4

/** Refuses a schema in which something else was made than this build makes by the same version. */
function refuseOtherBuilds({ version, digests }: SchemaFacts, place: string): void {
  const other = MIGRATIONS.findIndex((migration, at) => at < version && digests[at] !== digestOf(migration))
  if (other === -1) return
  const made = digests[other] ?? 'none'
  const ours = digestOf(MIGRATIONS[other] as Migration)
  throw otherBuildError(
    place,
    version,
    `its tables and functions are not those of this build (their digest is ${made}, not ${ours})`,
  )
}

/** What `head.application` says of a copy that is not whole yet. */
export const COPYING = 'linkspan copy'

const FACTS = `
  SELECT current_setting('server_encoding') AS encoding, current_setting('server_version_num')::int AS "serverVersion",
    current_setting('transaction_read_only') = 'on' AS "readOnly", current_setting('fsync') = 'on' AS fsync,
    n.oid IS NOT NULL AS exists,
    CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
      ELSE has_schema_privilege(n.oid, 'CREATE') END AS "mayCreate",
    NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid) AS empty,
    (SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace = n.oid AND c.relname = 'head' AND a.attname IN ('application', 'format', 'usable_from')) = 3 AS ours
  FROM (SELECT $1::text AS name) given LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = given.name`

const OLDEST_SERVER = 140_000

/**
 * Refuses a database that cannot hold a journal, and a schema that is not a journal of a version we can use. An empty
 * one, and one that is not there, is a journal to be.
 * @throws {LinkspanError} `JOURNAL_FOREIGN`, `JOURNAL_NEWER`, `JOURNAL_FAILED`, also where another build made it
 */
export function refuseStrangers(facts: SchemaFacts, place: string, known: number = MIGRATIONS.length): void {
  const { encoding, serverVersion, exists, empty, ours, copying, version, usableFrom } = facts
  if (serverVersion < OLDEST_SERVER)
    throw unfit(
      place,
      `its server has version ${Math.floor(serverVersion / 10_000)}`,
      'Use PostgreSQL 14 or newer.',
    )
  if (encoding !== 'UTF8')
    throw unfit(
      place,
      `its database has the encoding ${encoding}`,
      "Make one with UTF8 (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0).",
    )
  if (!exists || (empty && !ours)) return
  if (!ours)
    throw new LinkspanError(
      'JOURNAL_FOREIGN',
      `There is no Linkspan journal in ${place}, but something else. Give the journal a schema of its own. Nothing was changed.`,
      { details: { place } },
    )
  if (copying) throw incompleteError(place)
  if (usableFrom > known)
    throw new LinkspanError(
      'JOURNAL_NEWER',
      `The journal in ${place} has format version ${version}, which needs a Linkspan that knows version ${usableFrom}; ` +
        `this one knows versions up to ${known}. Run the version of Linkspan that wrote it, or a newer one. Nothing was changed.`,
      { details: { place, version, usableFrom, known } },
    )
  refuseOtherBuilds(facts, place)
}

function unfit(place: string, why: string, advice: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `The journal cannot be in ${place}: ${why}. ${advice} Nothing was changed.`,
    { details: { place } },
  )
}

/**
 * Brings a schema to the present format, one version per transaction, whoever else does so at the same time; answers
 * the version it had. `ask` has to use one connection.
 */
export async function migrate(
  ask: Ask,
  schema: string,
  place: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<number> {
  const found = await readFacts(ask, schema)
  refuseStrangers(found, place, migrations.length)
  if (found.version >= migrations.length) return found.version
  if (!found.mayCreate) throw noRights(place, found.exists)
  await ask('BEGIN')
  try {
    await ask(`SELECT pg_advisory_xact_lock(${lockKey(schema, 'migrate')})`)
    const facts = await readFacts(ask, schema)
    refuseStrangers(facts, place, migrations.length)
    if (!facts.exists) await ask(`CREATE SCHEMA ${schema}`)
    for (const [at, migration] of migrations.entries()) {
      if (at < facts.version) continue
      for (const statement of statementsOf(migration(schema))) await ask(statement)
      await ask(
        `UPDATE ${schema}.head SET format = ${at + 1}, digests = digests || '${digestOf(migration)}'::text`,
      )
    }
    await ask('COMMIT')
  } catch (error) {
    await ask('ROLLBACK').catch(() => undefined)
    throw error
  }
  return found.version
}

function noRights(place: string, exists: boolean): LinkspanError {
  const grant = exists
    ? 'Make the user of the URL the owner of that schema.'
    : 'Let an administrator run CREATE SCHEMA … AUTHORIZATION …, or GRANT CREATE ON DATABASE … to the user of the URL.'
  return new LinkspanError(
    'JOURNAL_FAILED',
    `The user of the URL may not make tables in ${place}. ${grant} Nothing was changed.`,
    { details: { place } },
  )
}

/** The statements of a script; bodies of functions stand between tags like `$commit$`. */
export function statementsOf(script: string): readonly string[] {
  const found: string[] = []
  let from = 0
  for (const { index, 0: token } of script.matchAll(/\$\w+\$[\s\S]*?\$\w+\$|;/g)) {
    if (token !== ';') continue
    found.push(script.slice(from, index).trim())
    from = index + 1
  }
  found.push(script.slice(from).trim())
  return found.filter((statement) => statement !== '')
}
