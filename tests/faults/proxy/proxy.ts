/** A TCP proxy that does to connections what networks do. */
import { type AddressInfo, createServer, type Server } from 'node:net'
import { type Link, link } from './link.ts'
import { type Fault, type Happening, noFault, type Plan, type Target } from './plan.ts'
import { type ProxyClock, realClock } from './real-clock.ts'

export interface ProxyOptions {
  readonly target: Target
  /** The fault of each new connection; without one it is what `use` said last. */
  readonly plan?: Plan
  /** Any free one unless said otherwise. */
  readonly port?: number
  readonly clock?: ProxyClock
  readonly onHappening?: (happening: Happening) => void
}

/** A running proxy. It stays on its port, whatever becomes of the target. */
export interface FaultProxy {
  readonly port: number
  /** Connections accepted so far, and those that are open. */
  readonly accepted: number
  readonly open: number
  readonly happenings: readonly Happening[]
  /** Puts all open connections, and all to come, under this fault; `{ kind: 'none' }` ends it. Ends a plan. */
  use(fault: Fault): void
  /** Chooses for connections to come; the open ones go on as they are. */
  plan(plan: Plan): void
  /** New connections go there, such as to a promoted standby. */
  retarget(target: Target): void
  /** Resolves with the next happening. */
  next(): Promise<Happening>
  /** Stops listening, so that connecting is refused; open connections go on. */
  down(): Promise<void>
  /** Listens again on the same port. */
  up(): Promise<void>
  /** Resets all connections and stops listening. */
  close(): Promise<void>
}

/** Starts a proxy on the loopback. */
export async function startProxy(options: ProxyOptions): Promise<FaultProxy> {
  const { clock = realClock, onHappening } = options
  let { target } = options
  let choose: Plan = options.plan ?? (() => noFault)
  let accepted = 0
  const links = new Set<Link>()
  const happenings: Happening[] = []
  let expectant: ((happening: Happening) => void)[] = []
  const report = (happening: Happening) => {
    happenings.push(happening)
    onHappening?.(happening)
    const told = expectant
    expectant = []
    for (const tell of told) tell(happening)
  }
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const index = accepted++
    const made = link({ client, target, clock, index, report, done: () => links.delete(made) })
    links.add(made)
    made.use(choose(index))
  })
  await listen(server, options.port ?? 0)
  const { port } = server.address() as AddressInfo
  return {
    port,
    get accepted() {
      return accepted
    },
    get open() {
      return links.size
    },
    happenings,
    use(fault) {
      choose = () => fault
      for (const each of links) each.use(fault)
    },
    plan(plan) {
      choose = plan
    },
    retarget(next) {
      target = next
    },
    next: () => new Promise((resolve) => expectant.push(resolve)),
    async down() {
      server.close()
    },
    up: () => listen(server, port),
    async close() {
      for (const each of links) each.destroy()
      await ended(server)
    },
  }
}

function ended(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}
