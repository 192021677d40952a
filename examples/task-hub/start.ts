import { join } from 'node:path'
import { type Keys, type LiveOutput, runLive } from './runner/live.ts'
import { runOnce } from './runner/once.ts'
import { HELP, type RunOptions, readOptions, UsageError } from './runner/options.ts'

const SLOW_STATUS_MS = 5000
const INTERRUPTED = 130

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), join(import.meta.dirname, 'hub.ts'))
  if (options === 'help') {
    console.log(HELP)
    return 0
  }
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort())
  try {
    return await run(options, interruption.signal)
  } catch (error) {
    if (interruption.signal.aborted) return INTERRUPTED
    throw error
  }
}

async function run(options: RunOptions, signal: AbortSignal): Promise<number> {
  const output = process.stdout.isTTY ? terminalOutput() : plainOutput()
  if (options.once) return (await runOnce(options, output, signal)).balanced ? 0 : 1
  await runLive(options, output, keyboard(), signal)
  return 0
}

const CLEAR_LINE = '\r\u001b[2K'

function terminalOutput(): LiveOutput {
  const print = (text: string): void => void process.stdout.write(`${CLEAR_LINE}${text}\n`)
  return {
    out: print,
    note: print,
    status: (text) => void process.stdout.write(`${CLEAR_LINE}${text.slice(0, process.stdout.columns - 1)}`),
  }
}

function plainOutput(): LiveOutput {
  let shown = Number.NEGATIVE_INFINITY
  return {
    out: (text) => console.log(text),
    note: (text) => console.error(text),
    status: (text) => {
      if (performance.now() - shown < SLOW_STATUS_MS) return
      shown = performance.now()
      console.error(text)
    },
  }
}

const CTRL_C = '\u0003'

function keyboard(): Keys {
  const { stdin } = process
  return {
    listen: (listener) => {
      const onData = (data: Buffer): void => {
        for (const key of data.toString()) {
          if (key === CTRL_C) process.kill(process.pid, 'SIGINT')
          else listener(key.toLowerCase())
        }
      }
      stdin.on('error', () => undefined)
      stdin.on('data', onData)
      if (stdin.isTTY) stdin.setRawMode(true)
      return () => {
        stdin.off('data', onData)
        if (stdin.isTTY) stdin.setRawMode(false)
        stdin.pause()
        stdin.unref?.()
      }
    },
  }
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    const usage = error instanceof UsageError
    const text = error instanceof Error ? error.message : String(error)
    console.error(usage ? `${text}\n\n${HELP}` : text)
    process.exitCode = usage ? 2 : 1
  },
)
