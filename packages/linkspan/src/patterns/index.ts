import { call } from './call.ts'
import { choice } from './choice.ts'
import { filter } from './filter.ts'
import { map } from './map.ts'
import type { Pattern } from './pattern.ts'
import { split } from './split.ts'
import { to } from './to.ts'

/** All patterns. A new one is put in this list and its file exported below; nothing else has to change. */
export const patterns: readonly Pattern[] = [map, filter, choice, split, call, to]

/** The patterns by the kind of their steps. */
export const patternsByKind: ReadonlyMap<string, Pattern> = new Map(
  patterns.map((pattern) => [pattern.kind, pattern]),
)

export * from './call.ts'
export * from './choice.ts'
export * from './filter.ts'
export * from './map.ts'
export * from './parts/answered.ts'
export * from './parts/calling.ts'
export * from './parts/merged.ts'
export * from './parts/narrowed.ts'
export * from './pattern.ts'
export * from './split.ts'
export * from './steps.ts'
export * from './to.ts'
