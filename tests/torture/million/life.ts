/** One life of an engine: a process that is killed when it has come far enough. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { NODE_OPTIONS } from '../../../scripts/lib/node-options.ts'
import type { Told } from './tell-parent.ts'

/** What is to live, and until when. */
export interface LifeOptions {
  readonly folder: string
  /** The program beside this file. */
  readonly program: string
  readonly args: readonly string[]
  /** The most that it may have in V8's old space. @default as V8 has it */
  readonly heapMib?: number
  readonly isFarEnough: (told: Told) => boolean
}

/** How far it came. */
export interface Life {
  readonly last: Told
  readonly peakRss: number
  readonly peakHeap: number
  /** How it ended by itself before it came far enough; null: it was killed then. */
  readonly ended: string | null
}

/** Runs an engine until it has come far enough, and kills it. */
export async function live(options: LifeOptions): Promise<Life> {
  const child = start(options)
  let last: Told = { done: 0, sent: 0, rss: 0, heap: 0, ended: 0, dead: 0 }
  let peakRss = 0
  let peakHeap = 0
  try {
    const ended = await new Promise<string | null>((resolve, reject) => {
      child.on('exit', (code, signal) => resolve(signal ?? `code ${code}`))
      child.on('message', (told: Told) => {
        last = told
        peakRss = Math.max(peakRss, told.rss)
        peakHeap = Math.max(peakHeap, told.heap)
        if (told.dead > 0) reject(new Error('A message did not end well.'))
        if (options.isFarEnough(told)) resolve(null)
      })
    })
    return { last, peakRss, peakHeap, ended }
  } finally {
    child.removeAllListeners('exit')
    const exited = once(child, 'exit')
    if (child.kill('SIGKILL')) await exited
  }
}

/** The file that has what an engine wrote to its standard output and error. */
export const OUTPUT = 'engine.log'

function start({ folder, program, args, heapMib }: LifeOptions): ChildProcess {
  const output = openSync(join(folder, OUTPUT), 'a')
  const heap = heapMib === undefined ? [] : [`--max-old-space-size=${heapMib}`]
  return fork(fileURLToPath(new URL(program, import.meta.url)), [folder, ...args], {
    execPath,
    execArgv: [...NODE_OPTIONS, ...heap],
    stdio: ['ignore', output, output, 'ipc'],
  })
}

/** Bytes for people. */
export const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`
