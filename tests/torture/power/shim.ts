/** Builds the library that records what a process does to its files, where there is a compiler for it. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { platform } from 'node:process'
import { fileURLToPath } from 'node:url'

/** The library, or why there is none. */
export type Shim = { readonly library: string } | { readonly reason: string }

const SOURCE = fileURLToPath(new URL('disk-log.c', import.meta.url))

/** Compiles it into a folder of its own. */
export function buildShim(folder: string): Shim {
  if (platform !== 'linux')
    return { reason: `power failures take Linux (LD_PRELOAD), and this is ${platform}` }
  const library = join(folder, 'disk-log.so')
  const why: string[] = []
  for (const compiler of ['cc', 'gcc', 'clang']) {
    try {
      execFileSync(
        compiler,
        ['-shared', '-fPIC', '-O2', '-Wall', '-Werror', '-o', library, SOURCE, '-ldl', '-lpthread'],
        {
          stdio: 'pipe',
          encoding: 'utf8',
        },
      )
      return { library }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      why.push(compiler)
    }
  }
  return { reason: `power failures take a C compiler, and there is none of ${why.join(', ')}` }
}

/** What a process whose disk is recorded needs in its environment. */
export interface Recorded {
  /** The file of the records. */
  readonly log: string
  /** Whose files are recorded. */
  readonly folder: string
  /** Its power fails after so many records; null for never. */
  readonly cutAfter: number | null
  /** Whether waiting for the disk does nothing. */
  readonly syncIgnored: boolean
}

export function environmentOf(
  library: string,
  { log, folder, cutAfter, syncIgnored }: Recorded,
): NodeJS.ProcessEnv {
  return {
    LD_PRELOAD: library,
    DISK_LOG: log,
    DISK_FOLDER: folder,
    ...(cutAfter === null ? {} : { DISK_CUT: String(cutAfter) }),
    ...(syncIgnored ? { DISK_SYNC: 'ignored' } : {}),
  }
}
