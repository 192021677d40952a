/**
 * The steps whose cost is measured, by the engine's names of them, as data: the driver reads it without loading Linkspan.
 * `bench/linkspan/patterns.ts` says what each adds to the relay.
 */
export const patternNames = [
  'map',
  'filter',
  'validate',
  'sort',
  'claimCheck',
  'log',
  'stop',
  'choice',
  'group',
  'loop',
  'routingSlip',
  'dynamicRouter',
  'loadBalance',
  'try',
  'saga',
  'circuitBreaker',
  'state',
  'dedupe',
  'sample',
  'throttle',
  'aggregate',
  'resequence',
  'delay',
  'raise',
  'waitFor',
  'reply',
  'publish',
  'onCompletion',
  'tap',
  'split',
  'multicast',
  'recipients',
  'call',
  'process',
] as const

export type PatternName = (typeof patternNames)[number]

/** Mixed steps whose cost is measured. */
export const mixNames = ['20 mixed steps', '20 mixed steps, a split among them'] as const

/** Several patterns in one flow. */
export type MixName = (typeof mixNames)[number] | 'live keys'
