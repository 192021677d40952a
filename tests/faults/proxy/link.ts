import { connect, type Socket } from 'node:net'
import { type Armed, gate } from './gate.ts'
import { type RequestReader, requestReader } from './http-requests.ts'
import { pipe } from './pipe.ts'
import { type Direction, type Fault, type Happening, noFault, type Target } from './plan.ts'
import type { ProxyClock } from './real-clock.ts'

/** One connection through the proxy: the client's socket, the target's, and a pipe for each direction. */
export interface Link {
  use(fault: Fault): void
  /** Ends both sides without a report. */
  destroy(): void
}

export interface LinkOptions {
  readonly client: Socket
  readonly target: Target
  readonly clock: ProxyClock
  readonly index: number
  readonly report: (happening: Happening) => void
  /** Both sockets are closed. */
  readonly done: () => void
}

export function link(options: LinkOptions): Link {
  const { client, clock, index, report } = options
  const { host = '127.0.0.1', port } = options.target
  const dial = () => connect({ host, port, allowHalfOpen: true, noDelay: true })
  const target = dial()
  const copies = new Set<Socket>()
  let fault: Fault = noFault
  let reader: RequestReader | null = null
  let over = false

  const say = (kind: Happening['kind'], detail?: string) => {
    const passed = { request: request.passed, reply: reply.passed }
    report({ connection: index, kind, fault, passed, ...(detail === undefined ? {} : { detail }) })
  }
  const destroy = () => {
    over = true
    for (const socket of [client, target, ...copies]) socket.resetAndDestroy()
  }
  const reset = () => {
    if (over) return
    say('reset')
    destroy()
  }
  const lose = () => {
    if (over) return
    over = true
    say('replyLost')
    client.resetAndDestroy()
    target.end()
  }
  const duplicate = (bytes: Buffer) => {
    if (fault.kind !== 'duplicate' || reader === null) return
    try {
      for (const whole of reader.read(bytes)) sendCopies(whole, fault.copies ?? 1)
    } catch (error) {
      reader = null
      say('unreadable', (error as Error).message)
    }
  }
  const sendCopies = (whole: Buffer, count: number) => {
    for (let each = 0; each < count; each++) {
      const copy = dial()
      copies.add(copy)
      copy.on('error', () => {})
      copy.on('end', () => copy.end())
      copy.on('close', () => copies.delete(copy))
      copy.resume().write(whole)
      say('duplicated')
    }
  }

  const ends = (direction: Direction) => ({
    from: direction === 'request' ? client : target,
    to: direction === 'request' ? target : client,
    clock,
    gate: gate(noFault, direction, { armed: false }),
    reset,
    lose,
    tap: direction === 'request' ? duplicate : () => {},
  })
  const request = pipe(ends('request'))
  const reply = pipe(ends('reply'))
  passOnClosing(client, target, () => fault.kind !== 'halfOpen')
  passOnClosing(target, client, () => fault.kind !== 'halfOpen')
  for (const socket of [client, target]) {
    socket.on('close', () => {
      if (client.closed && target.closed) options.done()
    })
  }

  return {
    use(changed) {
      if (over) return
      fault = changed
      reader = changed.kind === 'duplicate' ? requestReader() : null
      const shared: Armed = { armed: false }
      request.use(gate(changed, 'request', shared))
      reply.use(gate(changed, 'reply', shared))
      if (changed.kind === 'reset') reset()
      else if (changed.kind !== 'halfOpen' && client.destroyed !== target.destroyed) destroy()
    },
    destroy,
  }
}

/** A side that broke breaks the other, unless the network between them is gone and could not tell it. */
function passOnClosing(side: Socket, other: Socket, tells: () => boolean): void {
  side.on('error', () => {})
  side.on('close', (broken) => {
    if (broken && tells()) other.resetAndDestroy()
  })
}
