import type { Causes, EngineStatus, FlowStatus, HeldKey } from 'linkspan'
import { groupKey } from './group-key.ts'
import { hrefOf } from './router.ts'
import { counted } from './text.ts'

/** Something that wants a person. */
export interface Matter {
  readonly id: string
  readonly kind: 'engine' | 'source' | 'inDoubt' | 'dead' | 'parked' | 'key'
  readonly what: string
  /** Where: the flow, and the step when it is known. */
  readonly where: string
  /** In the words of the engine, or of others. */
  readonly why: string
  readonly href: string
  /** When it was last so, milliseconds since 1970; null when it is so now. */
  readonly at: number | null
}

/** What is looked at. */
export interface Situation {
  readonly status: EngineStatus | undefined
  readonly flows: readonly FlowStatus[]
  readonly causes: Causes | undefined
  readonly keys: readonly HeldKey[]
}

/**
 * What wants a person, the most urgent first: an engine that takes nothing, a source that brings nothing, messages in doubt
 * (only a person can go on), dead letters, parked messages, keys behind which others wait.
 */
export function mattersOf({ status, flows, causes, keys }: Situation): readonly Matter[] {
  const groups = causes?.groups ?? []
  const grouped = (state: string): readonly Matter[] =>
    groups.filter((group) => group.state === state).map(ofGroup)
  return [
    ...(status === undefined ? [] : ofEngine(status)),
    ...flows.filter(({ source }) => source.state === 'failing').map(ofSource),
    ...grouped('inDoubt'),
    ...grouped('dead'),
    ...grouped('parked'),
    ...keys.filter(({ behind, attempt }) => behind > 0 && attempt > 2).map(ofKey),
  ]
}

function ofEngine({ state, refusing }: EngineStatus): readonly Matter[] {
  if (state === 'running' && refusing === null) return []
  return [
    {
      ...{ id: 'engine', kind: 'engine', where: '', href: '#/', at: null },
      what: refusing === null ? `The engine is ${state}` : 'New messages are refused',
      why: refusing?.message ?? '',
    },
  ]
}

function ofSource({ name, source }: FlowStatus): Matter {
  return {
    ...{ id: `source ${name}`, kind: 'source', what: 'The source fails', where: name, at: null },
    why: source.error?.message ?? '',
    href: hrefOf(['flows', name]),
  }
}

const WORDS: Readonly<Record<string, string>> = {
  inDoubt: 'message',
  dead: 'dead letter',
  parked: 'parked message',
}

function ofGroup(group: Causes['groups'][number]): Matter {
  const { state, count, flow, step, cause, last } = group
  const key = groupKey(group)
  return {
    ...{ id: key, kind: state as Matter['kind'], at: last, why: cause },
    what: `${counted(count, WORDS[state] ?? 'message')}${state === 'inDoubt' ? ' in doubt' : ''}`,
    where: step === '' ? flow : `${flow} › ${step}`,
    href: hrefOf(['attention', key]),
  }
}

function ofKey({ flow, key, by, behind, attempt, error }: HeldKey): Matter {
  return {
    ...{ id: `key ${flow} ${key}`, kind: 'key', where: `${flow}, key ${key}`, at: null },
    what: `${counted(behind, 'message')} behind attempt ${attempt}`,
    why: error?.message ?? '',
    href: hrefOf(['messages', by]),
  }
}
