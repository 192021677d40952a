import process from 'node:process'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OutputStream, StopSignal, Supervisor, Terminal } from './terminal.ts'

/** The real {@link Terminal}: this process. */
export function systemTerminal(): Terminal {
  return {
    stdout: outputStream(process.stdout),
    stderr: outputStream(process.stderr),
    stdin: { isTTY: process.stdin.isTTY === true, readAll: () => text(process.stdin) },
    env: process.env,
    directory: process.cwd(),
    now: () => Date.now(),
    sleep: async (ms) => void (await sleep(ms)),
    onStopSignal,
    confirm,
    isAlive,
    supervisor: supervisor(),
    node: { version: process.versions.node, path: process.execPath },
  }
}

function outputStream(stream: NodeJS.WriteStream): OutputStream {
  // A reader that goes away (`linkspan messages | head`) ends the output, it is no error.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    throw error
  })
  return {
    write: (written) => void stream.write(written),
    isTTY: stream.isTTY === true,
    get columns() {
      return stream.isTTY ? stream.columns : undefined
    },
  }
}

function onStopSignal(handle: (signal: StopSignal) => void): () => void {
  process.on('SIGINT', handle)
  process.on('SIGTERM', handle)
  return () => {
    process.off('SIGINT', handle)
    process.off('SIGTERM', handle)
  }
}

async function confirm(question: string): Promise<boolean> {
  const prompts = await import('@clack/prompts')
  const answer = await prompts.confirm({ message: question, initialValue: false, output: process.stderr })
  return answer === true
}

/** Signal 0 asks only whether the process is there; EPERM says that it is, and someone else's. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function supervisor(): Supervisor | null {
  if (process.send === undefined) return null
  return {
    send: (message) => void process.send?.(message),
    onStop: (stop) => {
      process.on('message', (message) => message === 'stop' && stop())
      process.on('disconnect', stop)
    },
    end: () => {
      if (process.connected) process.disconnect()
    },
  }
}
