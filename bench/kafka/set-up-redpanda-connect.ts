/** Builds Redpanda Connect with its Kafka parts and no others, by the Go that is here. It takes minutes, once. */
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onPath, runOrThrow } from '../../scripts/services/programs.ts'
import { temporaryFolder } from '../run/temporary.ts'
import { binary } from './redpanda-connect-binary.ts'

if (!existsSync(binary())) {
  const go = onPath('go')
  if (go === null) throw new Error('go is missing: install Go, with which Redpanda Connect is built.')
  const folder = temporaryFolder('redpanda-connect')
  cpSync(fileURLToPath(new URL('redpanda-connect', import.meta.url)), folder.path, { recursive: true })
  mkdirSync(dirname(binary()), { recursive: true })
  runOrThrow(go, ['build', '-p', '2', '-o', binary(), '.'], { cwd: folder.path })
  folder.remove()
}
