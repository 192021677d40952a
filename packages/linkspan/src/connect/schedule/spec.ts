import type { ConnectorSpec, OptionSpec } from '../connector.ts'

/** The options of `schedule`. */
const RUNS: readonly OptionSpec[] = [
  { name: 'timezone', type: 'string', default: 'UTC', summary: 'The time zone of a cron expression.' },
  {
    name: 'missed',
    type: "'skip' | 'once' | 'all'",
    default: 'once',
    summary:
      'What becomes of times that passed while nothing could run: none, one run for all of them, or a run for each.',
  },
  {
    name: 'maxMissed',
    type: '1 … 10000',
    default: '100',
    summary: 'The most missed runs that `all` makes up, the latest ones; the others are counted in `missed`.',
  },
  {
    name: 'grace',
    type: 'Duration',
    default: '1m',
    summary: 'How late a run may be before `skip` takes it for missed.',
  },
  {
    name: 'jitter',
    type: 'Duration',
    default: '0',
    summary: 'The longest random delay before each run; never past the next time of the schedule.',
  },
]

/** What the schedule source says of itself. */
export const scheduleSpec: ConnectorSpec = {
  summary: 'Starts a flow at the times of a cron expression or at an interval.',
  stability: 'stable',
  options: [],
  sources: [
    {
      name: 'schedule',
      kind: 'poll',
      summary: 'A message per time of a cron expression or an interval; it needs no connection.',
      options: RUNS,
    },
  ],
}
