import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reaches, type ServerUser } from '../../scripts/lib/server-user.ts'
import { type Binaries, onDemand } from './binaries.ts'

/** What the names of all temporary folders begin with. */
export const prefix = 'linkspan-test-postgres-'

/** The file by which a folder says which process made it. */
export const ownerFile = 'owner'

/**
 * Makes a folder of a server's own, with a fresh cluster in `data`. Answers the folder.
 * `parent` is where it goes.
 */
export function freshFolder(binaries: Binaries, user: ServerUser, parent: string): string {
  const folder = makeFolder(user, parent)
  cpSync(template(binaries, user), join(folder, 'data'), { recursive: true })
  give(join(folder, 'data'), user)
  return folder
}

/** Makes a folder of a server's own, with nothing in it yet. */
export function makeFolder(user: ServerUser, parent: string): string {
  const folder = mkdtempSync(join(parent, prefix))
  chmodSync(folder, 0o711)
  writeFileSync(join(folder, ownerFile), String(process.pid))
  if (reaches(user, folder, 1)) return folder
  rmSync(folder, { recursive: true })
  throw new Error(
    `The server's data cannot lie in ${parent}: the user ${user?.name} may not enter it, and PostgreSQL does not ` +
      'run as root. Choose a folder that all may enter, such as one in /tmp.',
  )
}

/** The system's temporary folder, or where the user may not enter that, the one that all may. */
export function temporaryFolder(user: ServerUser): string {
  return reaches(user, tmpdir(), 1) ? tmpdir() : '/tmp'
}

/** Gives all files of a cluster to the user, and to nobody else. */
export function give(data: string, user: ServerUser): void {
  chmodSync(data, 0o700)
  if (user === null) return
  chownSync(data, user.uid, user.gid)
  for (const entry of readdirSync(data, { recursive: true })) {
    lchownSync(join(data, String(entry)), user.uid, user.gid)
  }
}

/** `initdb` takes a second; its result is kept for the next time. */
function template(binaries: Binaries, user: ServerUser): string {
  const kept = join(onDemand, `cluster-${binaries.version}`)
  if (existsSync(kept)) return kept
  const folder = makeFolder(user, temporaryFolder(user))
  const data = join(folder, 'data')
  mkdirSync(data)
  give(data, user)
  initdb(binaries, data, user)
  mkdirSync(onDemand, { recursive: true })
  const half = mkdtempSync(`${kept}-`)
  cpSync(data, half, { recursive: true })
  rmSync(folder, { recursive: true })
  renameInto(half, kept)
  return kept
}

function initdb(binaries: Binaries, data: string, user: ServerUser): void {
  const args = ['-D', data, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  const ran = spawnSync(binaries.initdb, args, { cwd: data, env: { LC_ALL: 'C' }, ...ids(user) })
  if (ran.status !== 0) {
    const why = ran.error?.message ?? String(ran.stderr).trim()
    throw new Error(`initdb of PostgreSQL ${binaries.version} failed: ${why}`)
  }
  writeFileSync(join(data, 'postgresql.conf'), `\ninclude 'linkspan.conf'\n`, { flag: 'a' })
}

/** Another process may have been faster; then its result serves as well. */
function renameInto(half: string, kept: string): void {
  try {
    renameSync(half, kept)
  } catch (error) {
    rmSync(half, { recursive: true })
    if (!existsSync(kept)) throw error
  }
}

/** How a child process becomes the user. */
export function ids(user: ServerUser): { uid?: number; gid?: number } {
  return user === null ? {} : { uid: user.uid, gid: user.gid }
}
