import { existsSync } from 'node:fs'
import type { CheckReport } from '../../index.ts'
import { type ErrorCode, ensureError, isLinkspanError, type LinkspanError } from '../../model/errors.ts'
import { SOURCE_LOG_PROMISES } from '../../model/source-log-promises.ts'
import { NEGATIVE, OK } from '../exit-code.ts'
import type { Library } from '../library.ts'
import type { LoadedProject } from '../project-file.ts'
import { projectProblems } from '../project-problems.ts'
import { clean, counted } from '../text.ts'
import { type Context, defineVerb, type Verb } from '../verb.ts'

interface Findings {
  readonly project: string
  readonly flows: readonly string[]
  /** Those whose messages stay in their source's log. */
  readonly onSourceLog: readonly string[]
  /** What keeps the project from starting. */
  readonly problems: readonly string[]
  /** How live messages fit; null when there is no journal yet, or it could not be compared. */
  readonly live: CheckReport | null
  readonly noJournal: boolean
}

/** `linkspan check`. */
export const check: Verb = defineVerb({
  usage: 'check',
  summary:
    'Check the project before deploying: does it start, and do messages on their way fit the changed flows',
  details:
    'Reads the journal beside a running engine and changes nothing. Exits with 1 when the project would not start or messages would be parked.',
  examples: ['linkspan check', 'linkspan check --json'],
  reach: 'engine',
  run: async (context) => {
    const findings = await examine(context, await context.door.project())
    if (context.out.json) context.out.document(forPrograms(findings))
    else show(context, findings)
    return isGood(findings) ? OK : NEGATIVE
  },
})

function forPrograms({ project, flows, onSourceLog, problems, live }: Findings): unknown {
  const sourceLog = onSourceLog.length === 0 ? {} : { onSourceLog, sourceLogPromises: SOURCE_LOG_PROMISES }
  return { project, flows, ...sourceLog, problems, live }
}

async function examine(context: Context, loaded: LoadedProject): Promise<Findings> {
  const library = await context.dependencies.library()
  const missing = projectProblems(loaded.project, library)
  const problems = new Set(missing)
  const refuse = (error: unknown): void => {
    // What is missing was said already, and more fully.
    const repeated = missing.length > 0 && isLinkspanError(error) && MISSING.has(error.code)
    if (!repeated) problems.add(ensureError(error).message)
  }
  await validate(library, loaded).catch(refuse)
  let noJournal = false
  const live = await liveMessages(context).catch((error: unknown) => {
    if (!isLinkspanError(error)) throw error
    noJournal = saysNoJournal(error)
    if (!noJournal) refuse(error)
    return null
  })
  return {
    project: loaded.file,
    flows: loaded.project.flows.map(({ definition }) => definition.name),
    onSourceLog: loaded.project.flows
      .filter(({ definition }) => definition.settings.durability === 'source')
      .map(({ definition }) => definition.name),
    problems: [...problems],
    live,
    noJournal,
  }
}

const MISSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['SECRET_MISSING', 'CONNECTION_UNBOUND'])

/** The engine says what would keep it from starting; it is not started. */
async function validate(library: Library, { project, directory }: LoadedProject): Promise<void> {
  await library.createEngine(project, { directory }).validate()
}

/** A project that never ran has no journal, and so nothing that could be parked. */
function saysNoJournal({ code, details }: LinkspanError): boolean {
  const path = details['path']
  return code === 'JOURNAL_FAILED' && typeof path === 'string' && !existsSync(path)
}

function liveMessages(context: Context): Promise<CheckReport> {
  return context.door.withPresentCode((admin) =>
    context.withProgress('comparing', (progress) => admin.check(progress)),
  )
}

function isGood({ problems, live }: Pick<Findings, 'problems' | 'live'>): boolean {
  return (
    problems.length === 0 && (live?.flows.every((flow) => flow.parked.length === 0 && !isLost(flow)) ?? true)
  )
}

/** A flow that is gone leaves its live messages without code. */
function isLost({ gone, live }: CheckReport['flows'][number]): boolean {
  return gone && live > 0
}

function show(context: Context, findings: Findings): void {
  const { out } = context
  const { style } = out
  const { project, flows, onSourceLog, problems, live, noJournal } = findings
  out.line(`${project}: ${counted(flows.length, 'flow')}`)
  for (const name of flows) {
    const found = live?.flows.find(({ flow }) => flow === name)
    const count =
      found === undefined || found.live === 0
        ? ''
        : `  ${counted(found.live, 'message')} on the way, ${found.fit} fit`
    out.line(
      `  ${style(found !== undefined && found.parked.length > 0 ? 'bad' : 'good', clean(name))}${count}`,
    )
    for (const { id, reason } of (found?.parked ?? []).slice(0, SHOWN))
      out.line(`    ${clean(id)} would be parked: ${clean(reason)}`)
    const more = (found?.parked.length ?? 0) - SHOWN
    if (more > 0) out.line(style('dim', `    and ${counted(more, 'more', 'more')}; --json has them all`))
  }
  for (const gone of live?.flows.filter(isLost) ?? [])
    out.line(
      `  ${style('bad', clean(gone.flow))} is gone from the project, with ${counted(gone.live, 'message')} on the way`,
    )
  for (const name of onSourceLog) showSourceLog(context, name)
  for (const problem of problems) out.line(style('bad', `missing or wrong: ${clean(problem)}`))
  if (live === null)
    out.line(
      style(
        'dim',
        noJournal ? 'There is no journal to compare with.' : 'Messages on their way were not compared.',
      ),
    )
  out.line(
    isGood({ problems, live })
      ? style('good', 'The project can be deployed.')
      : style('bad', 'The project should not be deployed like this.'),
  )
}

function showSourceLog({ out }: Context, flow: string): void {
  out.line(`${clean(flow)} keeps its messages in its source's log (durability: 'source'):`)
  for (const { promise, holds, how } of SOURCE_LOG_PROMISES)
    out.line(
      `  ${out.style(holds === 'holds' ? 'good' : 'bad', holds)}: ${promise}. ${out.style('dim', how)}`,
    )
}

const SHOWN = 5
