import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The environment that makes a child's syncs slow, or why that is not to be had here. */
export type SlowFsync = { readonly env: Readonly<Record<string, string>> } | { readonly unavailable: string }

const source = fileURLToPath(new URL('./slow-fsync.c', import.meta.url))

/** Compiles the shim where it is missing or older than its source. Linux with gcc only. */
export const slowFsync = (addedMillis: number): SlowFsync => {
  if (process.platform !== 'linux')
    return { unavailable: `LD_PRELOAD is Linux's, this is ${process.platform}` }
  const folder = join(tmpdir(), `linkspan-bench-cache-${process.getuid?.() ?? 0}`)
  const library = join(folder, 'slow-fsync.so')
  if (!existsSync(library) || statSync(library).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(folder, { recursive: true, mode: 0o755 })
    const built = spawnSync('gcc', ['-O2', '-Wall', '-shared', '-fPIC', '-o', library, source, '-ldl'])
    if (built.error !== undefined) return { unavailable: `gcc is missing (${built.error.message})` }
    if (built.status !== 0) return { unavailable: `gcc failed: ${built.stderr.toString().trim()}` }
  }
  return { env: { LD_PRELOAD: library, SLOW_FSYNC_MICROS: String(Math.round(addedMillis * 1000)) } }
}
