/** Reports of long runs: a page for people and the same as data. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { arch, platform, version } from 'node:process'
import { fileURLToPath } from 'node:url'

/** One line of a report's table. */
export type Row = readonly [name: string, value: string | number]

/** What a run has to say. */
export interface Report {
  /** Part of the file's name: `kills-1000`. */
  readonly name: string
  readonly command: string
  readonly rows: readonly Row[]
  readonly violations: readonly { readonly kind: string; readonly says: string }[]
  /** More for people, in Markdown. */
  readonly text?: string
  /** What the run was, as data. */
  readonly data: object
}

const FOLDER = fileURLToPath(new URL('reports', import.meta.url))

/** Writes a report and answers the path of its page. */
export function writeReport(report: Report): string {
  mkdirSync(FOLDER, { recursive: true })
  const base = join(FOLDER, `${new Date().toISOString().slice(0, 10)}-${report.name}`)
  const machine = machineOf()
  writeFileSync(`${base}.md`, pageOf(report, machine))
  writeFileSync(`${base}.json`, `${JSON.stringify({ ...report, machine }, null, 2)}\n`)
  return `${base}.md`
}

function pageOf({ command, rows, violations, text }: Report, machine: readonly Row[]): string {
  const table = (lines: readonly Row[]): string =>
    ['| | |', '|---|---|', ...lines.map(([name, value]) => `| ${name} | ${value} |`)].join('\n')
  const found =
    violations.length === 0
      ? 'No promise was broken.'
      : violations.map(({ kind, says }) => `- **${kind}**: ${says}`).join('\n')
  const more = text === undefined ? '' : `${text}\n\n`
  return `# \`${command}\`\n\n${found}\n\n${table(rows)}\n\n${more}On this machine:\n\n${table(machine)}\n`
}

function machineOf(): readonly Row[] {
  const [cpu] = cpus()
  return [
    ['processor', `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}`],
    [
      'load when it ended',
      loadavg()
        .map((load) => load.toFixed(1))
        .join(', '),
    ],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ['system', `${platform} ${arch} ${release()}`],
    ['Node', version],
    ['commit', commitOf()],
  ]
}

/** The commit of the checkout, and whether what is tested was changed since. */
export function commitOf(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: FOLDER, encoding: 'utf8' }).trim()
  try {
    const changed =
      git('status', '--porcelain', '--', '../../../packages/linkspan/src', '../../faults') !== ''
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? ' with changes' : ''}`
  } catch {
    return 'unknown'
  }
}
