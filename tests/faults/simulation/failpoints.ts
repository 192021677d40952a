/** The parts of a commit that a fault can meet. */
export const PARTS = ['accept', 'record', 'wait', 'settle', 'state', 'cursor', 'revive'] as const
export type Part = (typeof PARTS)[number]

/** The simulated systems: one for each guarantee. */
export const SYSTEMS = ['natural', 'key', 'verify', 'none'] as const
export type SystemName = (typeof SYSTEMS)[number]

/** Where a fault can strike. */
export type Failpoint =
  | `commit with ${Part}`
  | 'commit while starting'
  | 'commit while stopping'
  | `call at ${SystemName}`
  | 'question'
  | 'poll'
  | 'timer'
  | 'restart'

/**
 * What can happen there.
 *
 * - `killed before`, `during`, `after`: the engine dies before the commit or call is made; while it is under way (a
 *   commit is durable then, and a request arrives); after its answer, before anything follows from it.
 * - `stopped`: the engine is asked to stop then.
 * - `unreachable before`, `during`: the journal does not answer; the batch is not, or is, durable.
 * - `full`: the journal has no room for a while.
 * - `refused`: no connection. `reset before`, `reset after`: the connection breaks before or after the request took effect.
 * - `answer lost`: it took effect, and nothing comes back. `time-out`: it did not, and nothing comes back.
 * - `late`: it takes effect after its sender gave up. `slow`: the answer takes nearly the time limit.
 * - `429`, `503`: refused for now. `twice`: the network delivers the request twice.
 * - `cannot say`: the system does not know the answer to the question.
 * - `clock ahead`, `clock back`: the wall clock is another one when the engine starts again; where there are several
 *   engines, its own alone.
 *
 * Where several engines share the journal:
 *
 * - `frozen before`, `during`: the engine stands still for a while, often for longer than its lease, and goes on then: the
 *   commit is not, or is, durable; the call is under way.
 * - `left`: the engine is asked to stop, and stays away. `joined`: one more joins.
 * - `killed`: counts the kills of one engine while others go on.
 */
export type Fault =
  | 'killed before'
  | 'killed during'
  | 'killed after'
  | 'stopped'
  | 'unreachable before'
  | 'unreachable during'
  | 'full'
  | 'refused'
  | 'reset before'
  | 'reset after'
  | 'answer lost'
  | 'time-out'
  | 'late'
  | '429'
  | '503'
  | 'slow'
  | 'twice'
  | 'cannot say'
  | 'clock ahead'
  | 'clock back'
  | 'frozen before'
  | 'frozen during'
  | 'left'
  | 'joined'
  | 'killed'

const KILLS = ['killed before', 'killed during', 'killed after'] as const
const AT_COMMIT: readonly Fault[] = [...KILLS, 'stopped', 'unreachable before', 'unreachable during', 'full']
const AT_CALL: readonly Fault[] = [
  ...KILLS,
  'stopped',
  'refused',
  'reset before',
  'reset after',
  'answer lost',
  'time-out',
  '429',
  '503',
  'slow',
]

/**
 * Which faults there are at each failpoint. What is not listed is left out for a reason: a request that arrives twice
 * or late at `none`, and one that arrives twice at `verify`, is repeated where no engine can tell; one that is late at
 * `natural` comes after those of later messages; an engine that stops already cannot be asked to; a kill while it
 * starts that is no kill at a commit changes nothing durable.
 */
export const FAULTS: Readonly<Record<Failpoint, readonly Fault[]>> = {
  'commit with accept': AT_COMMIT,
  'commit with record': AT_COMMIT,
  'commit with wait': AT_COMMIT,
  'commit with settle': AT_COMMIT,
  'commit with state': AT_COMMIT,
  'commit with cursor': AT_COMMIT,
  'commit with revive': AT_COMMIT,
  'commit while starting': AT_COMMIT.filter((fault) => fault !== 'stopped'),
  'commit while stopping': AT_COMMIT.filter((fault) => fault !== 'stopped'),
  'call at natural': [...AT_CALL, 'twice'],
  'call at key': [...AT_CALL, 'late', 'twice'],
  'call at verify': [...AT_CALL, 'late'],
  'call at none': AT_CALL,
  question: [...KILLS, 'stopped', 'refused', 'reset before', 'time-out', '429', '503', 'slow', 'cannot say'],
  poll: [...KILLS, 'stopped', 'refused', 'reset before', '503', 'slow'],
  timer: ['killed before', 'killed after', 'stopped'],
  restart: ['clock ahead', 'clock back'],
}

const AT_SHARED_COMMIT: readonly Fault[] = ['killed', 'frozen before', 'frozen during', 'left', 'joined']
const AT_SHARED_CALL: readonly Fault[] = ['killed', 'frozen during']

/**
 * Faults that there are beside those only where several engines share the journal. A call that is not sent before the
 * engine goes on is left out: no lease can stop what passed its check already.
 */
export const SHARED_FAULTS: Readonly<Record<Failpoint, readonly Fault[]>> = {
  'commit with accept': AT_SHARED_COMMIT,
  'commit with record': AT_SHARED_COMMIT,
  'commit with wait': AT_SHARED_COMMIT,
  'commit with settle': AT_SHARED_COMMIT,
  'commit with state': AT_SHARED_COMMIT,
  'commit with cursor': AT_SHARED_COMMIT,
  'commit with revive': AT_SHARED_COMMIT,
  'commit while starting': AT_SHARED_COMMIT.filter((fault) => fault !== 'left'),
  'commit while stopping': AT_SHARED_COMMIT.filter((fault) => fault !== 'left'),
  'call at natural': AT_SHARED_CALL,
  'call at key': AT_SHARED_CALL,
  'call at verify': AT_SHARED_CALL,
  'call at none': AT_SHARED_CALL,
  question: AT_SHARED_CALL,
  poll: AT_SHARED_CALL,
  timer: ['killed', 'frozen before', 'left', 'joined'],
  restart: [],
}

/** Whether there is such a fault at a failpoint, with one engine or several. */
export const strikesAt = (at: Failpoint, fault: Fault): boolean =>
  FAULTS[at].includes(fault) || SHARED_FAULTS[at].includes(fault)

export const FAILPOINTS = Object.keys(FAULTS) as readonly Failpoint[]

/** A fault at a failpoint. */
export type Cell = `${Failpoint}: ${Fault}`

/** Every fault at every failpoint. */
export const CELLS: readonly Cell[] = FAILPOINTS.flatMap((at) =>
  FAULTS[at].map((fault): Cell => `${at}: ${fault}`),
)

/** Those where several engines share the journal. */
export const SHARED_CELLS: readonly Cell[] = FAILPOINTS.flatMap((at) =>
  SHARED_FAULTS[at].map((fault): Cell => `${at}: ${fault}`),
)

/** How often each fault struck at each failpoint. */
export type Coverage = Readonly<Partial<Record<Cell, number>>>

/** The sum of several. */
export function summed(all: Iterable<Coverage>): Coverage {
  const sum: Partial<Record<Cell, number>> = {}
  for (const each of all)
    for (const [cell, times] of Object.entries(each) as [Cell, number][]) sum[cell] = (sum[cell] ?? 0) + times
  return sum
}

/** The cells that no fault struck, of those where the engines are that many; 'both' for runs with one and with several. */
export function emptyCells(coverage: Coverage, engines: number | 'both' = 'both'): readonly Cell[] {
  const cells = engines === 1 ? CELLS : [...CELLS, ...SHARED_CELLS]
  return cells.filter((cell) => (coverage[cell] ?? 0) === 0)
}

const TABLES: readonly (readonly [
  title: string,
  faults: readonly Fault[],
  at: (at: Failpoint) => boolean,
])[] = [
  ['commits', AT_COMMIT, (at) => at.startsWith('commit')],
  [
    'calls',
    [...AT_CALL, 'late', 'twice', 'cannot say'],
    (at) => at.startsWith('call') || at === 'question' || at === 'poll',
  ],
  [
    'lives',
    ['killed before', 'killed after', 'stopped', 'clock ahead', 'clock back'],
    (at) => at === 'timer' || at === 'restart',
  ],
  [
    'several engines',
    ['killed', 'frozen before', 'frozen during', 'left', 'joined'],
    (at) => SHARED_FAULTS[at].length > 0,
  ],
]

/** The coverage as tables in Markdown, `·` where there is no such fault. */
export function coverageTables(coverage: Coverage): string {
  const tables = TABLES.map(([title, faults, belongs]) => {
    const line = (at: Failpoint): string => {
      const times = faults.map((fault) =>
        strikesAt(at, fault) ? String(coverage[`${at}: ${fault}`] ?? 0) : '·',
      )
      return `| ${[at, ...times].join(' | ')} |`
    }
    return [
      `| ${[title, ...faults].join(' | ')} |`,
      `|${'---|'.repeat(faults.length + 1)}`,
      ...FAILPOINTS.filter(belongs).map(line),
    ].join('\n')
  })
  return tables.join('\n\n')
}
