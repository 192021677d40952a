import { createWriteStream, existsSync, mkdirSync, rmSync, type WriteStream } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolders } from '../../model/make-folders.ts'
import { newPrivateFile } from '../private-file.ts'
import type { Client } from './client.ts'
import type { Link } from './link.ts'
import { journalError } from './postgres-error.ts'
import { MIGRATIONS } from './schema.ts'
import { VOLUME_TABLES } from './tables-sql.ts'

/** Tables that are copied, those in volumes last. */
const TABLES = [
  'head',
  'members',
  'partitions',
  'mail',
  'names',
  'waits',
  'families',
  'tallies',
  'state',
  'seen',
  'cursors',
  ...VOLUME_TABLES,
]

/**
 * Writes a journal as of one moment into a new file: a script for `psql`, with the tables and the functions as this
 * version makes them and all rows by COPY. The owner goes on writing meanwhile. A copy that did not come to its end is
 * removed.
 * @throws {LinkspanError} `JOURNAL_FAILED` when there is a file already
 */
export async function backUp(
  link: Link,
  schema: string,
  place: string,
  target: string,
  progress: (done: number, total: number) => void,
): Promise<void> {
  makeFolders(dirname(target), { existsSync, mkdirSync })
  const file = createWriteStream(target, { fd: newPrivateFile(target) })
  try {
    const client = await link.client()
    await ask(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    await write(file, preamble(schema, await volumesOf(client, schema)))
    for (const [at, table] of TABLES.entries()) {
      const name = `${schema}.${table}`
      await write(file, `\nCOPY ${name} FROM stdin;\n`)
      // A table in volumes cannot be copied by its name, only what it holds.
      const from = VOLUME_TABLES.includes(table) ? `(SELECT * FROM ${name})` : name
      await copyOut(client, `COPY ${from} TO STDOUT`, file)
      await write(file, '\\.\n')
      progress(at + 1, TABLES.length)
    }
    await write(file, '\nCOMMIT;\n')
    await ask(client, 'COMMIT')
    await finish(file, target)
  } catch (error) {
    file.destroy()
    rmSync(target, { force: true })
    throw journalError(error, place, 'Copying')
  } finally {
    await link.drop()
  }
}

async function ask(client: Client, text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { rows } = await client.query({ text, queryMode: 'extended' })
  return rows
}

interface Volume {
  readonly lo: number
  readonly hi: number
}

async function volumesOf(client: Client, schema: string): Promise<readonly Volume[]> {
  return (await ask(
    client,
    `SELECT lo, hi FROM ${schema}.volumes ORDER BY lo`,
  )) as readonly unknown[] as Volume[]
}

/** The tables with their volumes; the rows that a new journal has of its own give way to the copied ones. */
function preamble(schema: string, volumes: readonly Volume[]): string {
  const first = volumes[0]?.lo ?? 1
  const kept = VOLUME_TABLES.map(
    (table) =>
      `ALTER TABLE ${schema}.${table} DETACH PARTITION ${schema}.${table}_kept;\n` +
      `ALTER TABLE ${schema}.${table} ATTACH PARTITION ${schema}.${table}_kept FOR VALUES FROM (MINVALUE) TO (${first});`,
  )
  const volume = ({ lo, hi }: Volume): string => `SELECT ${schema}.make_volume_1(${lo}, ${hi});`
  return [
    '-- A Linkspan journal. Restore it into a database without that schema: psql --set ON_ERROR_STOP=1 --file=THIS URL',
    "BEGIN;\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;",
    `CREATE SCHEMA ${schema};`,
    ...MIGRATIONS.map((migration) => migration(schema)),
    `DELETE FROM ${schema}.head;`,
    ...kept,
    ...volumes.map(volume),
    `SELECT ${schema}.use_volumes_1(${volumes.at(-1)?.hi ?? 0});`,
    '',
  ].join('\n')
}

function write(file: WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    file.write(text, (error) => (error ? reject(error) : resolve()))
  })
}

async function finish(file: WriteStream, target: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    file.once('error', reject)
    file.end(resolve)
  })
  const handle = await openFile(target, 'r')
  await handle.sync()
  await handle.close()
}

interface Wire {
  query(text: string): void
  readonly stream: { pause(): void; resume(): void }
}

/** Runs a COPY to a file, as fast as the file takes it. The client hands its messages to an object of this shape. */
function copyOut(client: Client, text: string, file: WriteStream): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | null = null
    let wire: Wire | null = null
    const drained = (): void => wire?.stream.resume()
    file.on('drain', drained)
    const end = (error: Error | null): void => {
      file.off('drain', drained)
      // The last piece may have come together with the end.
      wire?.stream.resume()
      if (error === null) resolve()
      else reject(error)
    }
    client.query({
      submit: (connection: Wire) => {
        wire = connection
        connection.query(text)
      },
      handleCopyData: ({ chunk }: { readonly chunk: Buffer }) => {
        // A copy, as the client uses its memory again.
        if (!file.write(Buffer.from(chunk))) wire?.stream.pause()
      },
      handleCommandComplete: () => {},
      handleRowDescription: () => {},
      handleError: (error: Error) => {
        failure = error
        end(error)
      },
      handleReadyForQuery: () => {
        if (failure === null) end(null)
      },
    })
  })
}
