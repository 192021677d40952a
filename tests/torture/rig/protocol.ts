/** What the programs of the rig tell each other, through their logs. They share nothing with the engine but HTTP. */

/** What a sink promises about a repeated request. */
export type SinkKind = 'natural' | 'key' | 'verify' | 'none'

export const SINKS: readonly SinkKind[] = ['natural', 'key', 'verify', 'none']

/** The flows that the load feeds. */
export const FLOWS = [
  'natural',
  'keyed',
  'verified',
  'bare',
  'chain',
  'split',
  'later',
  'once',
  'first',
  'counter',
  'relay',
  'ask',
  'sieve',
] as const

export type FlowName = (typeof FLOWS)[number]

/** The body that the load posts. `n` is given once over the whole run and grows per key. */
export interface Posted {
  readonly n: number
  readonly key: string
  /** How many children a `split` makes. */
  readonly items?: number | undefined
}

/** The body that a sink gets. */
export interface Sunk {
  readonly flow: FlowName
  readonly n: number
  readonly key: string
  /** Which of the message's effects this is: a step's name, or the place of a child. */
  readonly item: string
  readonly value: number
}

/** What the pure steps of the flows make of a number. */
export function shaped(n: number): number {
  return n * 3 + 1
}

/** How long `later` waits. */
export const DELAY_MS = 120

/** What becomes of each tenth message of `sieve`. */
export function sieved(n: number): 'dead' | 'filtered' | 'done' {
  if (n % 10 === 0) return 'dead'
  return n % 10 === 1 ? 'filtered' : 'done'
}

/** `load.ndjson`: what was sent, and what came of it. */
export type LoadLine =
  | {
      readonly t: 'sent'
      readonly flow: FlowName
      readonly n: number
      readonly key: string
      readonly at: number
      readonly items?: number
    }
  /** After a 2xx. */
  | { readonly t: 'accepted'; readonly n: number; readonly id: string; readonly reply?: unknown }
  /** Certainly not accepted: refused connection, 4xx, 503. */
  | { readonly t: 'refused'; readonly n: number; readonly status: number }
  /** The connection broke before the answer: nobody can say. */
  | { readonly t: 'unknown'; readonly n: number }

/** `sinks.ndjson`: what took effect, written before it is answered. */
export type SinkLine =
  /** `from` is the engine that sent it, counted from 0. */
  | ({ readonly t: 'effect'; readonly sink: SinkKind; readonly at: number; readonly from: number } & Sunk)
  /** A key that was known: answered from memory. `same` tells whether the request was the same too. */
  | {
      readonly t: 'repeat'
      readonly sink: SinkKind
      readonly flow: FlowName
      readonly n: number
      readonly same: boolean
    }
  | {
      readonly t: 'fault'
      readonly sink: SinkKind
      readonly flow: FlowName
      readonly n: number
      readonly kind: string
    }

/** `engine.ndjson`: what the engine says of itself at the end. */
export type EngineLine =
  | { readonly t: 'flow'; readonly flow: string; readonly messages: Readonly<Record<string, number>> }
  | {
      readonly t: 'ending'
      readonly ending: 'inDoubt' | 'dead' | 'parked' | 'dropped' | 'live'
      readonly flow: string
      readonly n: number
      readonly id: string
      readonly reason: string
    }
  | { readonly t: 'reply'; readonly id: string; readonly reply: unknown }

/** `rig.ndjson`: what the rig did. `engine` counts from 0. */
export type RigLine =
  | { readonly t: 'run'; readonly journal: JournalKind; readonly engines: number }
  | { readonly t: 'start'; readonly engine: number; readonly at: number }
  | { readonly t: 'ready'; readonly engine: number; readonly at: number; readonly ms: number }
  | {
      readonly t: 'kill'
      readonly engine: number
      readonly at: number
      readonly when: 'starting' | 'running'
    }
  /** It ended while it started, as its database was down. */
  | { readonly t: 'gone'; readonly engine: number; readonly at: number; readonly code: number | null }
  | { readonly t: 'stopped'; readonly engine: number; readonly at: number }
  | { readonly t: 'continued'; readonly engine: number; readonly at: number; readonly ms: number }
  | { readonly t: 'database killed'; readonly at: number }
  /** `ms` until something was accepted again. */
  | { readonly t: 'database back'; readonly at: number; readonly ms: number }
  /** `ms` until something was accepted again; `old` is what had become of the primary before it. */
  | { readonly t: 'promoted'; readonly at: number; readonly ms: number; readonly old: string }
  | {
      readonly t: 'network'
      readonly engine: number
      readonly side: Side
      readonly fault: string
      readonly at: number
      readonly ms: number
    }
  /** What the faults did in the end. */
  | { readonly t: 'network over'; readonly happened: Readonly<Record<string, number>> }
  /** `refused`: messages that were answered 503 meanwhile. `ms` until something was accepted again. */
  | { readonly t: 'disk full'; readonly at: number }
  | { readonly t: 'disk free'; readonly at: number; readonly ms: number; readonly refused: number }
  /** The wall clock of an engine was set to so much after the machine's. */
  | { readonly t: 'clock'; readonly engine: number; readonly at: number; readonly offsetMs: number }
  /** An engine was started with its clock past all that waits, at the end of a run in which it was set. */
  | { readonly t: 'ahead'; readonly engine: number; readonly at: number; readonly offsetMs: number }

/** The ways out of an engine: to its database, to the sinks, and to those that recognise a repeated request. */
export type Side = 'database' | 'sinks' | 'keyed'

/** What keeps the journal. */
export const JOURNALS = ['sqlite', 'postgres'] as const
export type JournalKind = (typeof JOURNALS)[number]

/** The names of the logs. */
export const LOGS = {
  load: 'load.ndjson',
  sinks: 'sinks.ndjson',
  engine: 'engine.ndjson',
  rig: 'rig.ndjson',
} as const
