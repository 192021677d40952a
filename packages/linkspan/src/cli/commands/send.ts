import { Option } from 'commander'
import type { MessageState } from '../../index.ts'
import { formatDuration } from '../../model/duration.ts'
import { ENDINGS } from '../../model/message.ts'
import { showAccepted } from '../accepted-view.ts'
import { NEGATIVE } from '../exit-code.ts'
import { failure } from '../failure.ts'
import { readJsonArgument } from '../json-argument.ts'
import type { AdminClient, Json } from '../library.ts'
import { addPair } from '../options.ts'
import type { Terminal } from '../terminal.ts'
import { parseSpan } from '../time.ts'
import { faultText } from '../trace-view.ts'
import { defineVerb, type Verb } from '../verb.ts'

interface Options {
  readonly key?: string
  readonly header?: Readonly<Record<string, string>>
  readonly dedupe?: string
  readonly wait?: boolean
  readonly timeout: string
}

/** `linkspan send`. */
export const send: Verb = defineVerb<Options>({
  usage: 'send <flow> [body]',
  summary: 'Hand a message to a running flow',
  details: 'The body is JSON: in the argument, from a file with @file, from stdin with -; null without it.',
  examples: [
    `linkspan send hello '{"name":"Ada"}'`,
    'linkspan send orders @order.json --key customer-17 --wait',
    'cat order.json | linkspan send orders -',
  ],
  reach: 'engine',
  options: [
    new Option('--key <key>', 'the key, instead of the one that the source derives'),
    new Option('--header <name=value>', 'a header of the message; repeatable').argParser(addPair),
    new Option('--dedupe <key>', 'a repeated one is answered with the first message and not accepted again'),
    new Option('--wait', 'wait until the message has ended, and print its reply'),
    new Option('--timeout <time>', 'how long to wait').default('30s'),
  ],
  run: async ({ door, out, terminal }, [flow = '', argument], options) => {
    const timeoutMs = parseSpan(options.timeout)
    const body = argument === undefined ? null : await readJsonArgument(terminal, argument, 'The body')
    return door.withEngine(async (admin) => {
      const accepted = await admin.accept(
        flow,
        {
          body,
          ...(options.header === undefined ? {} : { headers: options.header }),
          ...(options.dedupe === undefined ? {} : { dedupeKey: options.dedupe }),
        },
        options.key === undefined ? {} : { key: options.key },
      )
      if (!options.wait) {
        showAccepted(out, accepted, `See its way with linkspan trace ${accepted.id}`)
        return undefined
      }
      const end = await waitForEnd(admin, terminal, accepted.id, timeoutMs)
      if (out.json) out.document({ ...accepted, ...end })
      else {
        out.note(`${accepted.id} ${end.state}`)
        if (end.error !== undefined) out.note(end.error)
        if (end.reply !== undefined) out.line(JSON.stringify(end.reply, null, 2))
      }
      return end.reply !== undefined || end.state === 'done' || end.state === 'filtered'
        ? undefined
        : NEGATIVE
    })
  },
})

interface End {
  readonly state: MessageState
  readonly reply?: Json
  readonly error?: string
}

const FIRST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 500

/** Asks for the reply until it is there, or the message has ended without one. */
async function waitForEnd(
  admin: AdminClient,
  terminal: Terminal,
  id: string,
  timeoutMs: number,
): Promise<End> {
  const deadline = terminal.now() + timeoutMs
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
    const { message } = await admin.trace(id)
    const ended = (ENDINGS as readonly MessageState[]).includes(message.state)
    const reply = await admin.reply(id)
    if (reply !== null) return { state: message.state, reply: reply.reply }
    if (ended)
      return { state: message.state, ...(message.error === null ? {} : { error: faultText(message.error) }) }
    if (terminal.now() + pause > deadline) throw overdue(id, message.state, timeoutMs)
    await terminal.sleep(pause)
  }
}

function overdue(id: string, state: MessageState, timeoutMs: number): Error {
  return failure(
    NEGATIVE,
    `Message ${id} has not ended within ${formatDuration(timeoutMs)}; it is ${state} and goes on. See linkspan trace ${id}, or wait longer with --timeout.`,
  )
}
