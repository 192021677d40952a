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

/** Waits until nothing is on its way; false when that takes longer than the limit. */
export async function drained(address: Address, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const status = await get<{ readonly messages: Counts; readonly children: Counts }>(address, '/status')
    if (liveOf(status.messages) + liveOf(status.children) === 0) return true
    if (Date.now() > deadline) return false
    await pause(50)
  }
}

const liveOf = (counts: Counts): number => (counts['active'] ?? 0) + (counts['waiting'] ?? 0)

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
