import type { HttpReply } from './reply.ts'
import type { Caller } from './sending.ts'

/** One of those who wait for a request. */
export interface Waiting {
  readonly call: Caller
  /** Makes the error of a call that is given up before there is an answer. */
  readonly gaveUp: (reason: unknown) => Error
}

/** Requests under way that others may join. */
export interface UnderWay {
  /**
   * Answers what `run` answers, or what it answered somebody who asked for the same and is still waiting. Each leaves
   * when its own call is given up; the request is broken off with the last of them.
   */
  join(identity: string, waiting: Waiting, run: (caller: Caller) => Promise<HttpReply>): Promise<HttpReply>
}

interface Group {
  readonly calls: Set<Caller>
  readonly reply: Promise<HttpReply>
  breakOff(reason: unknown): void
}

/** Nothing is under way yet. */
export function createUnderWay(): UnderWay {
  const groups = new Map<string, Group>()

  const begin = (identity: string, run: (caller: Caller) => Promise<HttpReply>, first: Caller): Group => {
    const calls = new Set([first])
    const { caller, breakOff } = callerOf(calls)
    const group: Group = { calls, breakOff, reply: run(caller) }
    const end = (): void => {
      if (groups.get(identity) === group) groups.delete(identity)
    }
    group.reply.then(end, end)
    groups.set(identity, group)
    return group
  }

  /** Nobody joins what is being broken off. */
  const leave = (identity: string, group: Group, call: Caller, reason: unknown): void => {
    group.calls.delete(call)
    if (group.calls.size > 0) return
    if (groups.get(identity) === group) groups.delete(identity)
    group.breakOff(reason)
  }

  return {
    join(identity, { call, gaveUp }, run) {
      const present = groups.get(identity)
      present?.calls.add(call)
      const group = present ?? begin(identity, run, call)
      return new Promise((resolve, reject) => {
        const forget = call.onAbort((reason) => {
          reject(gaveUp(reason))
          leave(identity, group, call, reason)
        })
        group.reply.then(resolve, reject).finally(forget)
      })
    },
  }
}

/** All calls as one. Each has a time limit of its own, so together they have none. */
function callerOf(calls: ReadonlySet<Caller>): {
  readonly caller: Caller
  readonly breakOff: (reason: unknown) => void
} {
  let broken: { readonly reason: unknown } | null = null
  let abort = (_reason: unknown): void => undefined
  const caller: Caller = {
    timeoutMs: Number.POSITIVE_INFINITY,
    maySend: () => [...calls].some((call) => call.maySend()),
    // What is said of the system's limits is said of the connection, which is that of all.
    limits: (said) => [...calls][0]?.limits(said),
    onAbort(run) {
      if (broken !== null) run(broken.reason)
      abort = run
      return () => {
        abort = () => undefined
      }
    },
  }
  return {
    caller,
    breakOff(reason) {
      broken = { reason }
      abort(reason)
    },
  }
}
