import type { Outcome } from './run.ts'
import { commandFor } from './seeds.ts'

const MOST = 60

/** A run that broke a promise, for people: what was found, and how to see the rest. */
export function retold({ seed, violations, story }: Outcome): string {
  const built = story.filter((line) => line.includes('+0.000s')).slice(0, MOST)
  return [
    `Seed ${seed} is not as the reference has it, in ${violations.length} ways. All that happened: ${commandFor(seed)}`,
    ...violations.slice(0, 20).map(({ kind, says }) => `  ${kind}: ${says}`),
    'What was built:',
    ...built,
  ].join('\n')
}
