import { type JournalFactory, postgres, sqlite } from 'linkspan'

/** The journal that LINKSPAN_JOURNAL names: sqlite (default; LINKSPAN_SQLITE is its thread), or postgres at DATABASE_URL. */
export const journalOf = (env: NodeJS.ProcessEnv = process.env): JournalFactory => {
  if (env['LINKSPAN_JOURNAL'] === 'postgres') return postgres({ url: env['DATABASE_URL'] ?? '' })
  const thread = env['LINKSPAN_SQLITE'] as 'main' | 'worker' | undefined
  return sqlite('journal.db', thread === undefined ? {} : { thread })
}
