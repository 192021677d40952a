import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { childrenOf } from './cluster-process.ts'
import { ownerFile, prefix } from './data-folder.ts'

/**
 * Ends servers below a folder, and removes their data, whose test process was killed before it could. A server is known by the
 * folder in its command line, so that nothing else is ever ended.
 */
export function removeLeftOver(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue
    const folder = join(parent, name)
    const owner = read(join(folder, ownerFile))
    if (owner === '' || isAlive(Number(owner))) continue
    endServer(join(folder, 'data'))
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function endServer(data: string): void {
  const pid = Number(read(join(data, 'postmaster.pid')).split('\n')[0])
  if (!(pid > 1) || !read(`/proc/${pid}/cmdline`).includes(data)) return
  for (const each of [...childrenOf(pid), pid]) {
    try {
      process.kill(each, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

function read(file: string): string {
  try {
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  } catch {
    return ''
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
