import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type Daemon = { readonly pid: number; readonly stop: () => Promise<void> }

export type DaemonPlan = {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly port: number
  readonly stopSignal: NodeJS.Signals
  readonly uid?: number
  readonly gid?: number
}

/** How long a program may take until it serves: on a busy machine a broker takes a minute. */
export const startLimitMs = 120_000

/** Starts the program and waits until its port answers. It ends with `stop` or with this process. */
export const startDaemon = async (plan: DaemonPlan): Promise<Daemon> => {
  const { uid, gid } = plan
  const child = spawn(plan.command, plan.args, {
    cwd: plan.cwd,
    env: { ...process.env, ...plan.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000)
    })
  }
  const kill = (): void => void child.kill(plan.stopSignal)
  process.once('exit', kill)
  await answering(plan, child, () => said)
  return {
    pid: child.pid!,
    stop: async () => {
      process.off('exit', kill)
      if (child.exitCode !== null) return
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      kill()
      await gone
    },
  }
}

const answering = async (plan: DaemonPlan, child: ChildProcess, said: () => string): Promise<void> => {
  for (let waited = 0; waited < startLimitMs; waited += 50) {
    if (child.exitCode !== null) throw new Error(`${plan.command} ended with ${child.exitCode}: ${said()}`)
    if (await isOpen(plan.port)) return
    await sleep(50)
  }
  child.kill('SIGKILL')
  throw new Error(`${plan.command} did not answer on port ${plan.port}: ${said()}`)
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const say = (open: boolean): void => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => say(true))
    socket.once('error', () => say(false))
  })
