import { commandFor } from './seeds.ts'
import type { Outcome } from './simulate.ts'

const ALWAYS = [
  'planned:',
  'KILLED',
  'FROZEN',
  ' wakes',
  'one more joins',
  'asked to stop',
  ' runs',
  'clocks are set',
  'the operator',
  'VIOLATION',
  ' -> ',
  'all is over',
]
const MOST = 300

/** What happened in a run that broke a promise, for people: the faults, and what concerns the messages it is about. */
export function retold({ seed, engines, story, violations }: Outcome): string {
  const about = new Set(violations.flatMap(({ says }) => namesIn(says)))
  const words = [...ALWAYS, ...about]
  const told = story.filter((line) => words.some((word) => line.includes(word)))
  const left = told.length - MOST
  return [
    `Seed ${seed} broke ${violations.length} promises. The whole story: ${commandFor(seed, engines)}`,
    ...violations.map(({ kind, says }) => `  ${kind}: ${says}`),
    'What happened, as far as it concerns them:',
    ...told.slice(0, MOST),
    ...(left > 0 ? [`… and ${left} lines more`] : []),
  ].join('\n')
}

/** Messages that are named, by number as `plain 7` or by id. */
function namesIn(says: string): readonly string[] {
  return [
    ...[...says.matchAll(/\b[a-z]+ \d+(?= \(key)/g)].map(([name]) => `${name} `),
    ...[...says.matchAll(/\b[0-9a-z]+-[0-9a-z]{12}/g)].map(([id]) => id),
  ]
}
