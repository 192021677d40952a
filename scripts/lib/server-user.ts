import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Whom a server runs as. Null: as we do ourselves. */
export type ServerUser = { readonly name: string; readonly uid: number; readonly gid: number } | null

const candidates = ['postgres', 'nobody']

/** PostgreSQL refuses to run as root: root runs it as `postgres`, or as `nobody`. */
export function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return null
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map(userOf)
  const found = candidates.map((name) => users.find((user) => user.name === name)).find(Boolean)
  if (found !== undefined) return found
  throw new Error(
    `PostgreSQL does not run as root, and /etc/passwd has no user ${candidates.join(' or ')}. ` +
      'Run the tests as another user, or make one: useradd --system postgres',
  )
}

function userOf(line: string): { readonly name: string; readonly uid: number; readonly gid: number } {
  const [name = '', , uid, gid] = line.split(':')
  return { name, uid: Number(uid), gid: Number(gid) }
}

/** Whether the user may pass all folders above a path and do with the path itself what is `wanted`, as in chmod. */
export function reaches(user: ServerUser, path: string, wanted = 5): boolean {
  if (user === null) return true
  if (!permits(user, path, wanted)) return false
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if (!permits(user, folder, 1)) return false
  }
  return true
}

function permits(user: NonNullable<ServerUser>, path: string, wanted: number): boolean {
  const { mode, uid, gid } = statSync(path)
  const bits = uid === user.uid ? mode >> 6 : gid === user.gid ? mode >> 3 : mode
  return (bits & wanted) === wanted
}
