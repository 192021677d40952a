import { readdirSync, readFileSync } from 'node:fs'

/** The unit of the kernel's CPU times in /proc on every Linux that Node runs on. */
const ticksPerSecond = 100

/** CPU seconds used so far by the process and its descendants; 0 where there is no /proc. */
export const cpuSecondsOf = (pid: number): number =>
  add(treeOf(pid).map((each) => ticks(fields(each)?.slice(11, 13))))

/** CPU seconds used so far by each thread of the process, by thread id. */
export const threadCpuSecondsOf = (pid: number): ReadonlyMap<number, number> =>
  new Map(
    numbersIn(`/proc/${pid}/task`).map((thread) => [
      thread,
      ticks(fields(`${pid}/task/${thread}`)?.slice(11, 13)),
    ]),
  )

/** Resident bytes of the process and its descendants. */
export const residentBytesOf = (pid: number): number => add(treeOf(pid).map(resident))

/** The same, with each shared page counted by its share: a database's processes share most of theirs. */
export const proportionalBytesOf = (pid: number): number =>
  add(treeOf(pid).map((each) => proportional(each) ?? resident(each)))

/**
 * Bytes that the process and its living descendants have handed to files; 0 where that is not shown. It is what they
 * wrote (`wchar` of proc(5), into which PostgreSQL's sockets do not count), not what the kernel says it will write for
 * it (`write_bytes`): that counts the whole of a large folio for each write into it, ten times as much.
 */
export const writtenBytesOf = (pid: number): number =>
  add(treeOf(pid).map((each) => Number(/^wchar: (\d+)/m.exec(read(`/proc/${each}/io`) ?? '')?.[1] ?? 0)))

/** CPU seconds of the whole machine since it started: used by anyone, and taken by its host. */
export const machineCpuSeconds = (): { readonly busy: number; readonly stolen: number } => {
  const [user, nice, system, , , irq, softirq, steal] = cpuLine()
  return { busy: ticks([user, nice, system, irq, softirq]), stolen: ticks([steal]) }
}

const cpuLine = (): (string | undefined)[] =>
  /^cpu +(.*)$/m.exec(read('/proc/stat') ?? '')?.[1]?.split(' ') ?? []

const ticks = (values: readonly (string | undefined)[] | undefined): number =>
  add((values ?? []).map((value) => Number(value ?? 0))) / ticksPerSecond

const add = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const treeOf = (root: number): number[] => {
  const children = new Map<number, number[]>()
  for (const pid of numbersIn('/proc')) {
    const parent = Number(fields(pid)?.[1] ?? -1)
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const tree = [root]
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []))
  return tree
}

const numbersIn = (folder: string): number[] => {
  try {
    return readdirSync(folder).map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

/** /proc/PID/stat after the name in parentheses: state, ppid, …; 11 is utime, 12 is stime (see proc(5)). */
const fields = (pid: number | string): string[] | undefined => {
  const text = read(`/proc/${pid}/stat`)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

const resident = (pid: number): number => kilobytes(/^VmRSS:\s+(\d+)/m, `/proc/${pid}/status`) ?? 0

const proportional = (pid: number): number | undefined =>
  kilobytes(/^Pss:\s+(\d+)/m, `/proc/${pid}/smaps_rollup`)

const kilobytes = (pattern: RegExp, path: string): number | undefined => {
  const found = pattern.exec(read(path) ?? '')
  return found === null ? undefined : Number(found[1]) * 1024
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
