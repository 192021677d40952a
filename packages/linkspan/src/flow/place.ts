import { fileURLToPath } from 'node:url'
import type { SourcePlace } from '../model/flow-definition.ts'

const NOWHERE: SourcePlace = { file: '', line: 0 }
const FRAME = /^\s*at (?:async )?(?:.*\()?((?:file:\/\/)?[^()]+?):(\d+):\d+\)?$/

/** Where a function was called from: the first frame above it. The file is '' when the engine cannot say. */
export function callerOf(callee: (...args: never[]) => unknown): SourcePlace {
  const limit = Error.stackTraceLimit
  const holder: { stack?: string } = {}
  try {
    Error.stackTraceLimit = 1
    Error.captureStackTrace(holder, callee)
    // The text is made when it is first read, under the limit of the capture.
    return placeIn(holder.stack ?? '')
  } finally {
    Error.stackTraceLimit = limit
  }
}

function placeIn(stack: string): SourcePlace {
  const frame = stack.split('\n').find((line) => line.trimStart().startsWith('at '))
  const found = frame === undefined ? null : FRAME.exec(frame)
  if (found === null) return NOWHERE
  return { file: pathOf(found[1] as string), line: Number(found[2]) }
}

function pathOf(file: string): string {
  try {
    return file.startsWith('file://') ? fileURLToPath(file) : file
  } catch {
    return file
  }
}

/** A place for people: `orders.ts:12`. */
export function formatPlace({ file, line }: SourcePlace): string {
  return file === '' ? 'an unknown place' : `${file}:${line}`
}
