import { resolve } from 'node:path'
import type { AdminReader } from '../../index.ts'
import { NEGATIVE, OK } from '../exit-code.ts'
import { failure } from '../failure.ts'
import type { JournalReader } from '../library.ts'
import { counted } from '../text.ts'
import { defineVerb, type VerbGroup } from '../verb.ts'

/** `linkspan journal`. */
export const journal: VerbGroup = {
  name: 'journal',
  summary: 'Show, back up and verify the journal',
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
