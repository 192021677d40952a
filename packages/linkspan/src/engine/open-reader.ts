import { cwd, version as nodeVersion } from 'node:process'
import { codeVersion } from '../flow/code-version.ts'
import type { Journal } from '../journal/journal.ts'
import { asPolicy } from '../model/policy.ts'
import { jsonLogger } from '../observe/json-logger.ts'
import type { Admin, AdminReader } from '../runtime/admin-api.ts'
import { createAdminReader, type LiveView, noMessages } from '../runtime/admin-reader.ts'
import { type CompiledFlow, compileFlow } from '../runtime/compile.ts'
import { withControl } from '../runtime/control-bus.ts'
import type { Project } from '../runtime/engine-api.ts'
import { presentNames, underPresentNames } from '../runtime/former-names.ts'
import { isPaused } from '../runtime/paused.ts'
import type { Lookup } from '../runtime/references.ts'
import { journalOf } from './journal-of.ts'
import { lookup as systemLookup } from './lookup.ts'
import { systemClock } from './outside.ts'
import { VERSION } from './version.ts'

/** A journal that no engine of this process runs on, open for reading. */
export type JournalReader = AdminReader & Pick<Admin, 'backup'> & { close(): Promise<void> }

/**
 * Opens a project's journal for reading, also while an engine runs on it.
 *
 * @throws {LinkspanError} `SECRET_MISSING` when the journal refers to what is not set, `JOURNAL_NEWER`, `JOURNAL_FOREIGN`, `JOURNAL_DAMAGED`, or what is wrong with the project.
 */
export async function openReader(
  project: Project,
  options: { readonly directory?: string; readonly lookup?: Lookup } = {},
): Promise<JournalReader> {
  const policy = project.onError === undefined ? undefined : asPolicy(project.onError)
  const compiled = withControl(project.flows).map((flow) =>
    compileFlow(flow, codeVersion(flow.definition, flow.code, flow.own), policy),
  )
  const flows = new Map(compiled.map((flow) => [flow.name, flow]))
  const logger = jsonLogger({ stream: { write: () => true }, clock: systemClock })
  const opened = await journalOf(project, options.lookup ?? systemLookup).openForReading({
    clock: systemClock,
    logger,
    directory: options.directory ?? cwd(),
  })
  const journal = underPresentNames(opened, presentNames(project.flows))
  const reader = createAdminReader({
    journal,
    flows,
    version: VERSION,
    node: nodeVersion,
    live: stoppedView(journal, flows),
  })
  return {
    ...reader,
    backup: (path, progress) => journal.history.backup(path, progress),
    close: () => journal.close(),
  }
}

function stoppedView(journal: Journal, flows: ReadonlyMap<string, CompiledFlow>): LiveView {
  return {
    state: 'stopped',
    startedAt: 0,
    refusing: null,
    budgets: [],
    runs: () => false,
    elsewhere: () => false,
    paused: (name) => {
      const compiled = flows.get(name)
      return compiled !== undefined && isPaused(journal.cursors, compiled.flow.definition)
    },
    source: () => ({ state: 'stopped', error: null }),
    counts: () => countsOf(journal),
  }
}

async function countsOf(journal: Journal): ReturnType<LiveView['counts']> {
  const counts = new Map<
    string,
    { roots: ReturnType<typeof noMessages>; children: ReturnType<typeof noMessages> }
  >()
  const side = (flow: string, child: boolean): ReturnType<typeof noMessages> => {
    const present = counts.get(flow) ?? { roots: noMessages(), children: noMessages() }
    counts.set(flow, present)
    return child ? present.children : present.roots
  }
  for (const { flow, child, count } of await journal.backlog.count()) side(flow, child).waiting += count
  for (const { flow, child, count } of await journal.ownership.running()) side(flow, child).active += count
  for (const { flow, child, ending, count } of await journal.history.totals())
    side(flow, child)[ending] += count
  return counts
}
