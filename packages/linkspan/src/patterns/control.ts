import './steps.ts'
import type { StepNode } from '../model/flow-definition.ts'
import type { Json } from '../model/message.ts'
import { checked } from './parts/checked.ts'
import { completeAll, completed, completeOne } from './parts/complete-groups.ts'
import { correlationKey } from './parts/correlation-key.ts'
import { eventScope } from './parts/event-cell.ts'
import { asJson } from './parts/json.ts'
import { raiseEvent } from './parts/raise-event.ts'
import type { Pattern } from './pattern.ts'
import type { EventDeclaration } from './wait-for.ts'

/**
 * The engine's own flow: what is asked from outside of what is kept between messages is a message of it, so that it is accepted,
 * run once, traced and counted like any. It takes what is put on the channel of its name.
 */
export const CONTROL_FLOW = 'linkspan.control'

/** What is asked of an engine from outside, as plain data: the body of a message of the engine's own control flow. */
export type ControlOrder =
  | {
      readonly do: 'raise'
      readonly event: string
      readonly key: string
      readonly value: Json
      readonly keepMs: number
    }
  | {
      readonly do: 'complete'
      /** The groups of which step; `scope` is what they are kept under. */
      readonly flow: string
      readonly step: string
      readonly scope: string
      /** Null for all of them. */
      readonly key: string | null
    }

/** The message that raises an event, checked by its schema. */
export function raising(
  { name, schema, keepMs }: EventDeclaration<unknown>,
  given: unknown,
  value: unknown,
): { readonly body: ControlOrder; readonly key: string } {
  const what = `event ${name}`
  const key = correlationKey(given, what, 'the event is found')
  const plain = asJson(schema === undefined ? value : checked(schema, value, what), what, 'its value')
  return { body: { do: 'raise', event: name, key, value: plain, keepMs }, key: `${name}/${key}` }
}

/** The node of the step, which the engine puts into its own control flow. */
export const CONTROL_STEP: StepNode = {
  kind: 'control',
  name: 'control',
  named: true,
  renamedFrom: [],
  options: {},
  connection: null,
  operation: null,
  guarantee: null,
  scopes: [],
}

/**
 * The step of the engine's own control flow, which no builder method makes: it does what is asked from outside as durably as any
 * message is run, on whichever engine.
 */
export const control: Pattern = {
  kind: 'control',
  stepClass: 'stateful',
  summary: 'Does what is asked of the engine from outside (Control Bus).',
  methods: {},
  compile(_node, _code, { path }) {
    return async (pass) => {
      const order = pass.body as ControlOrder
      if (order.do === 'complete') {
        const groups =
          order.key === null
            ? (await completeAll(pass, path, order.scope)).groups
            : await completeOne(pass, path, order.scope, order.key)
        await pass.reply(path, { groups })
        return completed(groups)
      }
      await raiseEvent(pass, path, { ...order, scope: eventScope(order.event) })
      return undefined
    }
  },
}
