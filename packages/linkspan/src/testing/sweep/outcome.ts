import type { Journal, StoredMessage } from '../../journal/journal.ts'
import type { Guarantee } from '../../model/guarantee.ts'
import type { Flow } from '../../patterns/steps.ts'
import { openCell } from '../../runtime/codec.ts'
import { bodyOf, recordOf } from '../../runtime/loaded.ts'
import type { FakeOperation } from '../fake-operation.ts'
import type { Doubt } from './doubts.ts'
import { eachStep } from './flow-steps.ts'
import { createNames, type Names } from './names.ts'
import { orderBroken } from './order.ts'
import type { Delivered } from './sender.ts'

/** One thing that a run left behind, as a text that is the same in every run that did the same. */
export interface Trace {
  readonly family: number
  readonly text: string
}

/** How a message ended. */
export interface Ended extends Trace {
  readonly id: string
  /** Which message, without how it ended. */
  readonly what: string
  readonly ending: string
  readonly child: boolean
}

/** What one operation did. */
export interface Effects {
  readonly guarantee: Guarantee['kind']
  /** Whether a call whose outcome is unknown may be made again although it may then happen twice. */
  readonly atLeastOnce: boolean
  readonly effects: readonly Trace[]
  /** The system's state in the end, when its fake has one. */
  readonly state: string | null
}

/** A value of engine state. */
export interface Cell {
  readonly text: string
  readonly value: string
  readonly expires: boolean
}

/** Everything by which two runs are compared. */
export interface Outcome {
  readonly names: Names
  readonly ended: readonly Ended[]
  /** By operation. */
  readonly effects: ReadonlyMap<string, Effects>
  /** By scope and key. */
  readonly cells: ReadonlyMap<string, Cell>
  readonly refused: readonly Trace[]
  readonly doubts: readonly Doubt[]
  /** Where the order of a key was not kept. */
  readonly disorder: readonly string[]
  readonly delivered: readonly Delivered[]
  readonly stored: readonly StoredMessage[]
}

/** What an outcome is read from. */
export interface OutcomeOptions {
  readonly journal: Journal
  readonly flows: readonly Flow[]
  readonly fakes: ReadonlyMap<string, FakeOperation>
  readonly delivered: readonly Delivered[]
  readonly doubts: readonly Doubt[]
  readonly normalize: (value: unknown) => unknown
}

const PAGE = 1_000

/** Reads what a run left behind, when everything has ended. */
export async function outcomeOf(options: OutcomeOptions): Promise<Outcome> {
  const { journal, flows, delivered, doubts, fakes } = options
  const stored = await allMessages(journal)
  const roots = stored.filter(({ parent }) => parent === null)
  const names = createNames(roots, delivered)
  const text = (value: unknown): string => names.text(options.normalize(value))
  return {
    names,
    delivered,
    doubts,
    stored,
    ended: stored.map((message) => endedOf(message, names, text)),
    effects: effectsOf(flows, fakes, names, text),
    cells: await cellsOf(journal, flows, text),
    refused: delivered
      .filter(({ refused }) => refused !== null)
      .map(({ n, flow, refused }) => ({
        family: n,
        text: `delivery ${n} to "${flow}" was refused: ${refused}`,
      })),
    disorder: orderBroken({ flows, roots, fakes, names, doubts }),
  }
}

async function allMessages(journal: Journal): Promise<readonly StoredMessage[]> {
  const all: StoredMessage[] = []
  for (let beyond = 0; ; ) {
    const page = await journal.history.query({ rootsOnly: false, order: 'oldest', limit: PAGE, beyond })
    all.push(...page)
    const last = page.at(-1)
    if (!last || page.length < PAGE) return all
    beyond = last.seq
  }
}

function endedOf(message: StoredMessage, names: Names, text: (value: unknown) => string): Ended {
  const record = recordOf(message)
  const reply = record.findLast((entry) => entry.t === 'reply')
  const error = record.findLast((entry) => entry.t === 'end')?.e
  const ending = message.ending?.ending ?? 'still live'
  const because = error && ending !== 'done' && ending !== 'filtered' ? ` (${error.code})` : ''
  const what = `${names.name(message.id)} of "${message.flow}" with ${text(bodyOf(message))}`
  return {
    id: message.id,
    family: names.family(message.id),
    child: message.parent !== null,
    what,
    ending,
    text: `${what} ended ${ending}${because}${reply ? ` and was replied ${text(reply.r)}` : ''}`,
  }
}

function effectsOf(
  flows: readonly Flow[],
  fakes: ReadonlyMap<string, FakeOperation>,
  names: Names,
  text: (value: unknown) => string,
): ReadonlyMap<string, Effects> {
  const repeatable = atLeastOnce(flows)
  return new Map(
    [...fakes].map(([name, fake]) => [
      name,
      {
        guarantee: fake.guarantee.kind,
        atLeastOnce: repeatable.has(name),
        state: fake.hasState ? text(fake.state) : null,
        effects: fake.effects.map(({ input, messageId }) => ({
          family: names.family(messageId),
          text: text(input),
        })),
      },
    ]),
  )
}

function atLeastOnce(flows: readonly Flow[]): ReadonlySet<string> {
  const found = new Set<string>()
  eachStep(flows, ({ connection, operation, options }) => {
    if (options['onUnknown'] === 'atLeastOnce') found.add(`${connection}.${operation}`)
  })
  return found
}

async function cellsOf(
  journal: Journal,
  flows: readonly Flow[],
  text: (value: unknown) => string,
): Promise<ReadonlyMap<string, Cell>> {
  const scopes = new Set<string>()
  eachStep(flows, ({ options }) => {
    if (typeof options['scope'] === 'string') scopes.add(options['scope'])
  })
  const cells = new Map<string, Cell>()
  for (const scope of scopes) {
    for (const { key, value, until } of await journal.state.list(scope, '', PAGE)) {
      const { v } = openCell(value, scope, key)
      const shown = text(key)
      const inside = text(v)
      cells.set(`${scope}\n${shown}`, {
        text: `the state of ${shown} in "${scope}"`,
        value: inside,
        expires: until !== null,
      })
    }
  }
  return cells
}
