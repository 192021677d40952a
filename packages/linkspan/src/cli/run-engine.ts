import type { Engine } from '../index.ts'
import { type ExitCode, NEGATIVE, OK, UNREACHABLE } from './exit-code.ts'
import { createLog, type Level, type LogFormat } from './log.ts'
import type { Terminal } from './terminal.ts'
import type { Context } from './verb.ts'

/** How an engine is run in this process. */
export interface RunSettings {
  readonly format: LogFormat
  readonly level: Level
  readonly stopWithinMs: number
}

/** Why an engine that ran has to end. */
type EndReason = 'asked' | 'failed'

const WATCH_EVERY_MS = 1_000

/** Runs the project's engine until it is asked to stop, and answers the exit code. */
export async function runEngine(context: Context, settings: RunSettings): Promise<ExitCode> {
  const { dependencies, terminal, out } = context
  const { stdout } = terminal
  const { project, directory, file } = await context.door.project()
  const write = (text: string): void => stdout.write(text)
  const logger = createLog({ ...settings, write, now: terminal.now, style: out.style })
  const library = await dependencies.library()
  const engine = library.createEngine(project, { directory, outside: { logger } })
  const asked = stopRequests(terminal)
  try {
    await engine.start()
    const url = addressOf(engine)
    logger.log('info', 'started', {
      project: file,
      flows: engine.flows.size,
      ...(url === null ? {} : { url }),
    })
    terminal.supervisor?.send({ ready: { url } })
    const reason = await Promise.race([asked.first, failed(terminal, engine, asked.ended)])
    logger.log(reason === 'failed' ? 'error' : 'info', reason === 'failed' ? 'failed' : 'stopping')
    const stopped = await Promise.race([stop(engine, settings.stopWithinMs), asked.second])
    logger.log(stopped === 'cut' ? 'warn' : 'info', stopped === 'cut' ? 'stopped at once' : 'stopped')
    if (reason === 'failed') return UNREACHABLE
    return stopped === 'cut' ? NEGATIVE : OK
  } finally {
    asked.end()
    terminal.supervisor?.end()
  }
}

/** Where to reach the engine; a host that means all addresses is reached on the loopback. */
function addressOf({ address }: Engine): string | null {
  if (address === null) return null
  const host = address.host === '0.0.0.0' || address.host === '::' ? '127.0.0.1' : address.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
}

async function stop(engine: Engine, withinMs: number): Promise<'stopped'> {
  await engine.stop({ within: withinMs })
  return 'stopped'
}

/** Resolves once the engine has given up; whoever supervises the process then starts it afresh. */
async function failed(terminal: Terminal, engine: Engine, ended: () => boolean): Promise<EndReason> {
  while (!ended() && engine.state !== 'failed') await terminal.sleep(WATCH_EVERY_MS)
  return 'failed'
}

interface StopRequests {
  readonly first: Promise<EndReason>
  readonly second: Promise<'cut'>
  readonly ended: () => boolean
  end(): void
}

/**
 * The first signal asks for a graceful stop, a second one wants it at once. Under a supervisor only its word and
 * SIGTERM count: a terminal's Ctrl-C reaches both processes, and it is the supervisor's to handle.
 */
function stopRequests(terminal: Terminal): StopRequests {
  const first = Promise.withResolvers<EndReason>()
  const second = Promise.withResolvers<'cut'>()
  let count = 0
  let over = false
  const ask = (): void => {
    count += 1
    if (count === 1) first.resolve('asked')
    else second.resolve('cut')
  }
  const off = terminal.onStopSignal((signal) => {
    if (terminal.supervisor === null || signal === 'SIGTERM') ask()
  })
  terminal.supervisor?.onStop(() => first.resolve('asked'))
  void first.promise.then(() => {
    over = true
  })
  return {
    first: first.promise,
    second: second.promise,
    ended: () => over,
    end: () => {
      over = true
      off()
    },
  }
}
