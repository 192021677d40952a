import { dirname, resolve } from 'node:path'
import { Option } from 'commander'
import type { AdminReader } from '../../index.ts'
import { NEGATIVE, OK } from '../exit-code.ts'
import { failure } from '../failure.ts'
import type { JournalReader } from '../library.ts'
import { loadProject, needProjectFile } from '../project-file.ts'
import { counted } from '../text.ts'
import { type Context, defineVerb, type VerbGroup } from '../verb.ts'

/** `linkspan journal`. */
export const journal: VerbGroup = {
  name: 'journal',
  summary: 'Show, back up, copy and verify the journal',
  verbs: [
    defineVerb({
      usage: 'stats',
      summary: 'Show sizes and counts of the journal',
      examples: ['linkspan journal stats'],
      reach: 'engine',
      run: ({ door, out }) =>
        door.withReader(async (admin) => {
          const stats = await admin.stats()
          if (out.json) out.document(stats)
          else
            out.table(Object.entries(stats), [
              { title: 'WHAT', value: ([name]) => name },
              {
                title: 'VALUE',
                value: ([, value]) => (typeof value === 'number' ? value.toLocaleString('en-US') : value),
              },
            ])
          return undefined
        }),
    }),
    defineVerb({
      usage: 'backup <file>',
      summary: 'Write a whole, consistent copy of the journal to a new file, while the engine runs',
      details: 'With --url, the file is written on the machine of that engine.',
      examples: ['linkspan journal backup backups/2026-11-21.db'],
      reach: 'engine',
      run: (context, [file = '']) =>
        context.door.withReader(async (admin) => {
          const { out, terminal, doorOptions } = context
          const path = doorOptions.url === undefined ? resolve(terminal.directory, file) : file
          await context.withProgress('copying', (progress) => backup(admin, path, progress))
          if (out.json) out.document({ file: path })
          else out.line(`The journal is copied to ${path}.`)
          return undefined
        }),
    }),
    defineVerb<CopyOptions>({
      usage: 'copy',
      summary: 'Copy the whole journal of a stopped engine into the empty journal of another project file',
      details:
        'Messages keep their places and ids, and go on where they were. Afterwards let the project itself have the other journal. A copy that was cut short goes on where it ended when the command is given again; until it is whole, no engine starts on it.',
      examples: [
        'linkspan journal copy --to postgres.config.ts',
        'linkspan journal copy --to postgres.config.ts --anew --json',
      ],
      reach: 'project',
      options: [
        new Option(
          '--to <file>',
          'the project file whose journal is filled; only its journal counts',
        ).makeOptionMandatory(),
        new Option('--anew', 'throw away a copy that was begun there, instead of going on with it'),
      ],
      run: copy,
    }),
    defineVerb({
      usage: 'verify',
      summary: 'Read the whole journal and report what is damaged',
      details: 'Exits with 1 when something is damaged.',
      examples: ['linkspan journal verify'],
      reach: 'engine',
      run: (context) =>
        context.door.withReader(async (admin) => {
          const { out } = context
          const damages = await context.withProgress('verifying', (progress) => admin.verify(progress))
          out.list(
            damages,
            [
              { title: 'WHERE', value: ({ where }) => where },
              { title: 'WHAT', value: ({ what }) => what, flexible: true },
            ],
            'The journal is sound.',
          )
          if (damages.length > 0)
            out.note(
              `${counted(damages.length, 'place')} damaged: keep a copy of the files as they are, and restore a backup.`,
            )
          return damages.length === 0 ? OK : NEGATIVE
        }),
    }),
  ],
}

type BackupProgress = (done: number, total: number) => void

async function backup(
  admin: AdminReader | JournalReader,
  path: string,
  progress: BackupProgress,
): Promise<void> {
  if ('backup' in admin && admin.backup !== undefined) return admin.backup(path, progress)
  throw failure(
    NEGATIVE,
    'The engine is stopped, and its journal cannot be copied by reading alone. Start the engine, or copy the journal file with its -wal file while it is stopped.',
  )
}

interface CopyOptions {
  readonly to: string
  readonly anew?: boolean
}

async function copy(
  context: Context,
  _args: readonly string[],
  { to, anew = false }: CopyOptions,
): Promise<undefined> {
  const { door, out, terminal, dependencies } = context
  const { project, directory } = await door.project()
  const file = needProjectFile(terminal.directory, to)
  const target = await loadProject(dependencies.modules, file, terminal.directory)
  const library = await dependencies.library()
  const began = terminal.now()
  const copied = await context.withProgress('copying', (progress) =>
    library.copyJournal(project, target.project, {
      directory,
      targetDirectory: dirname(file),
      anew,
      progress,
    }),
  )
  const seconds = (terminal.now() - began) / 1000
  if (out.json) out.document({ ...copied, seconds })
  else {
    const { counts, from, takenUp, resumedAt } = copied
    const rest = `${counted(counts.cells, 'cell')} of state, ${counted(counts.dedupeKeys, 'dedupe key')}, ${counted(counts.cursors, 'cursor')}`
    out.line(`Copied ${counted(counts.messages, 'message')}, ${rest} from ${from} to ${copied.to}.`)
    if (resumedAt > 0) out.line(`${counted(resumedAt, 'message')} of them were there from before.`)
    if (takenUp > 0)
      out.line(
        `${counted(takenUp, 'message')} were running when the last engine died; they go on in the copy.`,
      )
    out.note(
      'The former journal is as it was. Let the project have the new one, start it, and put the former one away: never run both.',
    )
  }
  return undefined
}
