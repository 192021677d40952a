import { readdirSync, readFileSync } from 'node:fs'

/** What a tree of processes has used: the participant with everything it started. */
export type Usage = { readonly cpuSeconds: number; readonly rssBytes: number }

/** The unit of the kernel's CPU times in /proc on every Linux that Node runs on. */
const ticksPerSecond = 100

/** Adds up the process and its descendants; zero where there is no /proc. */
export const usageOf = (pid: number): Usage => sum(treeOf(pid).map(usageOfOne))

export const sum = (usages: readonly Usage[]): Usage => ({
  cpuSeconds: usages.reduce((total, { cpuSeconds }) => total + cpuSeconds, 0),
  rssBytes: usages.reduce((total, { rssBytes }) => total + rssBytes, 0),
})

const treeOf = (root: number): number[] => {
  const children = new Map<number, number[]>()
  for (const pid of pids()) {
    const parent = Number(fields(pid)?.[1] ?? -1)
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const tree = [root]
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []))
  return tree
}

const pids = (): number[] => {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

const usageOfOne = (pid: number): Usage => {
  const stat = fields(pid)
  if (stat === undefined) return { cpuSeconds: 0, rssBytes: 0 }
  return { cpuSeconds: (Number(stat[11]) + Number(stat[12])) / ticksPerSecond, rssBytes: residentBytes(pid) }
}

/** /proc/PID/stat after the name in parentheses: state, ppid, … utime is 11, stime is 12 (see proc(5)). */
const fields = (pid: number): string[] | undefined => {
  const text = read(`/proc/${pid}/stat`)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** The proportional share where the kernel tells it, as the processes of a database share their pages. */
const residentBytes = (pid: number): number => {
  const pss = /^Pss: +(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '')
  const rss = /^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? '')
  return Number((pss ?? rss)?.[1] ?? 0) * 1024
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
