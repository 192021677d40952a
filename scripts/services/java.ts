import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { atLeast, onPath, versionOf } from './programs.ts'
import type { Program } from './service.ts'

/** A Java that is installed here. */
export interface Java {
  readonly file: string
  readonly version: string
}

/** Where Debian, and most who package Java for it, put theirs. */
const installed = '/usr/lib/jvm'

/** The Java on PATH, and the others of this machine, each asked for its version when it is looked at. */
export function* javasHere(): Generator<Java> {
  const others = existsSync(installed) ? readdirSync(installed).sort() : []
  const files = [onPath('java'), ...others.map((name) => join(installed, name, 'bin', 'java'))]
  for (const file of files) {
    if (file !== null && existsSync(file)) yield { file, version: versionOf(file, '-version') }
  }
}

/** The first Java that is new enough: that on PATH, if it is. */
export function findJava(wanted: string, javas: Iterable<Java> = javasHere()): Java | null {
  for (const java of javas) if (atLeast(java.version, wanted)) return java
  return null
}

/** A Java program. */
export interface JavaProgram {
  readonly java: string
  /** The most that its objects take. */
  readonly heapMiB: number
  readonly classpath: string
  readonly main: string
  readonly args: readonly string[]
  readonly properties?: Readonly<Record<string, string>>
}

/** How it is run. The serial collector takes the least memory beside the heap. */
export function javaCommand({ java, heapMiB, classpath, main, args, properties = {} }: JavaProgram): Program {
  const defined = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`)
  const memory = [`-Xms${Math.min(heapMiB, 128)}m`, `-Xmx${heapMiB}m`, '-XX:+UseSerialGC']
  const quiet = ['-Djava.awt.headless=true', '-XX:-UsePerfData']
  const file = findJava(java)?.file ?? 'java'
  return { file, args: [...memory, ...quiet, ...defined, '-cp', classpath, main, ...args] }
}
