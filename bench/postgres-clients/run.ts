/**
 * Compares clients of PostgreSQL as the writer of a journal. A batch is one transaction with two inserts by `unnest`:
 * messages of 1 KB and their outcomes. `npm install` in this folder first, then `node run.ts [seconds]`.
 */
import { spawnSync } from 'node:child_process'
import { startPostgres } from '../../tests/postgres-server/start-postgres.ts'
import { writers } from './writers.ts'

const seconds = process.argv[2] ?? '3'
const server = await startPostgres({
  config: { max_wal_size: '8GB', checkpoint_timeout: '1h', autovacuum: false },
})
console.log('| writer | rows a commit | rows/s | client CPU µs/row | server CPU µs/row | ms a commit |')
console.log('|---|---|---|---|---|---|')
try {
  for (const size of ['1', '16', '100', '500']) for (const name of Object.keys(writers)) row(name, size)
} finally {
  await server.stop()
}

function row(name: string, size: string): void {
  const args = [new URL('measure.ts', import.meta.url).pathname, server.url, name, size, seconds]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${name}, ${size}: ${stderr}`)
  const { rowsPerSecond, clientCpuUsPerRow, serverCpuUsPerRow, msPerCommit } = JSON.parse(stdout)
  console.log(
    `| ${name} | ${size} | ${rowsPerSecond} | ${clientCpuUsPerRow} | ${serverCpuUsPerRow} | ${msPerCommit} |`,
  )
}
