import { readFileSync } from 'node:fs'
import { arch, cpus, platform, release, tmpdir, totalmem } from 'node:os'

/** Where the figures come from; nothing in it names the machine. */
export type Machine = {
  readonly cores: number
  readonly cpu: string
  readonly memoryGigabytes: number
  readonly kernel: string
  readonly disk: string
  readonly node: string
  readonly sqlite: string
}

export const describeMachine = (): Machine => ({
  cores: cpus().length,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  memoryGigabytes: Math.round(totalmem() / 2 ** 30),
  kernel: `${platform()} ${release()} ${arch()}`,
  disk: diskOf(tmpdir()),
  node: process.version,
  sqlite: process.versions['sqlite'] ?? 'unknown',
})

/** The file system of the folder that the journals lie in. */
const diskOf = (folder: string): string => {
  try {
    const mounts = readFileSync('/proc/mounts', 'utf8').trim().split('\n')
    const [device, , type] = mounts
      .map((line) => line.split(' '))
      .filter(([, point]) => point !== undefined && folder.startsWith(point))
      .sort(([, a], [, b]) => b!.length - a!.length)[0]!
    return `${type} on ${device}`
  } catch {
    return 'unknown'
  }
}
