import type { EngineLine, FlowName, LoadLine, RigLine, SinkLine } from './protocol.ts'

/** The logs of a run. */
export interface Logs {
  readonly load: readonly LoadLine[]
  readonly sinks: readonly SinkLine[]
  readonly engine: readonly EngineLine[]
  readonly rig: readonly RigLine[]
}

/** What is known of one number that was sent. */
export interface Sent {
  readonly flow: FlowName
  readonly n: number
  readonly key: string
  readonly at: number
  readonly items: number
  readonly times: number
  readonly ids: Set<string>
  readonly unknown: number
  readonly reply: unknown
  /** By sink and item: the values that arrived. */
  readonly effects: Map<string, { readonly value: number; readonly at: number }[]>
  readonly faults: number
  readonly ending: Extract<EngineLine, { t: 'ending' }> | null
}
/** A message for people. */
export const named = ({ flow, n, key }: Pick<Sent, 'flow' | 'n' | 'key'>): string =>
  `${flow} ${n} (key ${key})`
