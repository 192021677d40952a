/** Asks the engine, over HTTP, what became of the messages, and writes it down for the checker. */
import { setTimeout as pause } from 'node:timers/promises'
import type { LineLog } from './line-log.ts'
import type { EngineLine, Posted } from './protocol.ts'

const PREFIX = '/_linkspan/v1'

/** Where the engine is. */
export interface Address {
  readonly port: number
  readonly token: string
}

interface Listed {
  readonly id: string
  readonly flow: string
  readonly error: { readonly message: string } | null
}
type Counts = Readonly<Record<string, number>>

function fetched({ port, token }: Address, path: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` }
  return fetch(`http://127.0.0.1:${port}${PREFIX}${path}`, { headers })
}

async function readBody<T>(response: Response): Promise<T> {
  if (!response.ok)
    throw new Error(`${response.url} was answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}

async function get<T>(address: Address, path: string): Promise<T> {
  return readBody<T>(await fetched(address, path))
}

/**
 * Waits until nothing is on its way; false when nothing has ended for so long. How long all of it takes says something
 * about the machine, and whether it goes on something about the engine.
 */
export async function drained(address: Address, stuckMs: number): Promise<boolean> {
  let ended = -1
  let deadline = 0
  for (;;) {
    const { messages, children } = await get<{ readonly messages: Counts; readonly children: Counts }>(
      address,
      '/status',
    )
    if (liveOf(messages) + liveOf(children) === 0 && (await noneLive(address))) return true
    const now = totalOf(messages) + totalOf(children) - liveOf(messages) - liveOf(children)
    if (now !== ended) deadline = Date.now() + stuckMs
    else if (Date.now() > deadline) return false
    ended = now
    await pause(50)
  }
}

/** The counts of a shared journal leave out what runs and has no wait on record; a list does not. */
async function noneLive(address: Address): Promise<boolean> {
  const page = await get<{ readonly items: readonly unknown[] }>(
    address,
    '/messages?state=active&state=waiting&limit=1',
  )
  return page.items.length === 0
}

const liveOf = (counts: Counts): number => (counts['active'] ?? 0) + (counts['waiting'] ?? 0)
const totalOf = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0)

const ENDINGS = ['inDoubt', 'dead', 'parked', 'dropped'] as const

/** Writes down the counts of each flow, each message that did not end well, and some replies. */
export async function collect(
  address: Address,
  log: LineLog<EngineLine>,
  askedFor: readonly string[],
): Promise<void> {
  for (const { name, messages } of await get<{ name: string; messages: Counts }[]>(address, '/flows'))
    log.add({ t: 'flow', flow: name, messages })
  for (const ending of ENDINGS) await collectEnded(address, log, ending, [ending])
  await collectEnded(address, log, 'live', ['active', 'waiting'])
  for (const id of askedFor) log.add({ t: 'reply', id, reply: await replyOf(address, id) })
}

/** None is an answer too: the checker judges it. */
async function replyOf(address: Address, id: string): Promise<unknown> {
  const response = await fetched(address, `/messages/${encodeURIComponent(id)}/reply`)
  if (response.status === 404) return undefined
  return (await readBody<{ reply: unknown } | null>(response))?.reply
}

async function collectEnded(
  address: Address,
  log: LineLog<EngineLine>,
  ending: Extract<EngineLine, { t: 'ending' }>['ending'],
  states: readonly string[],
): Promise<void> {
  const search = new URLSearchParams([
    ...states.map((state): [string, string] => ['state', state]),
    ['limit', '200'],
  ])
  for (;;) {
    const page = await get<{ items: Listed[]; next: string | null }>(address, `/messages?${search}`)
    for (const { id, flow, error } of page.items) {
      const { message } = await get<{ message: { body: Posted | null } }>(
        address,
        `/messages/${encodeURIComponent(id)}/trace`,
      )
      log.add({ t: 'ending', ending, flow, id, n: message.body?.n ?? -1, reason: error?.message ?? '' })
    }
    if (page.next === null) return
    search.set('after', page.next)
  }
}
