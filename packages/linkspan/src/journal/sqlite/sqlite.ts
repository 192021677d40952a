import { resolve } from 'node:path'
import type { Reference } from '../../model/reference.ts'
import { configuredJournal } from '../configured-journal.ts'
import type { Journal, JournalEnvironment, JournalFactory } from '../journal.ts'
import { backUp } from './backup.ts'
import { inThisThread } from './main-thread.ts'
import { openStore } from './owning-store.ts'
import { openReadingStore } from './reading-store.ts'
import { type Aside, sqliteJournal } from './sqlite-journal.ts'
import type { StoreCalls, StoreOptions, StoreOutside } from './store.ts'
import { openTransferSource } from './transfer-source.ts'
import { openTransferTarget } from './transfer-target.ts'
import { verifyAside } from './verify-aside.ts'
import { inWorker } from './worker-thread.ts'

/** How a journal on SQLite is kept. */
export interface SqliteOptions {
  /**
   * Where commits wait for the disk. `worker` keeps the engine's thread free meanwhile and carries more messages a
   * second, the more so on a slow disk; `main` takes some 25 MB less memory and less processor time for each message.
   * @default 'worker'
   */
  readonly thread?: 'main' | 'worker'
  /**
   * Go on although the end of the journal is lost (`JOURNAL_TAIL_LOST`). For one start, by a person who has looked:
   * what is lost may be sent and applied again.
   * @default false
   */
  readonly acceptLoss?: boolean
  /** How many pages of 8 KiB the write-ahead log holds before they are moved into the database. @default 1000 */
  readonly checkpointPages?: number
  /** The most memory for pages of the database, bytes. @default 16 MiB */
  readonly cacheBytes?: number
}

const DEFAULTS = {
  thread: 'worker',
  acceptLoss: false,
  checkpointPages: 1000,
  cacheBytes: 16 * 1024 * 1024,
} as const

/**
 * A journal in one SQLite file, for one engine. A relative path starts at the project's folder; the folder is made.
 * Beside the file lie `-wal` and `-shm` (SQLite's), `-lock` (who owns it) and `-mark` (how far it had come). Copy it
 * by `linkspan journal backup`, not by copying the file alone. Not for network file systems.
 *
 * @example
 * ```ts
 * import { sqlite } from 'linkspan/journal'
 * const journal = sqlite('data/hub.db')
 * ```
 */
export function sqlite(path: string | Reference, options: SqliteOptions = {}): JournalFactory {
  return configuredJournal('sqlite', { path }, (found) => sqliteWith(found.path, options, {}))
}

/** {@link sqlite} with faults for tests: they need the main thread. */
export function sqliteWith(
  path: string,
  options: SqliteOptions,
  faults: Omit<StoreOutside, 'logger'>,
): JournalFactory {
  const { thread, ...rest } = { ...DEFAULTS, ...options }
  // Faults are functions, which do not go to a worker; and who only reads has no commits to wait for.
  const inOther = (readOnly: boolean): boolean =>
    thread === 'worker' && !readOnly && Object.keys(faults).length === 0
  const prepare = (
    environment: JournalEnvironment,
    readOnly: boolean,
  ): StoreOptions & { readOnly: boolean } => ({
    ...rest,
    path: resolve(environment.directory, path),
    readOnly,
  })
  const journal = async (environment: JournalEnvironment, readOnly: boolean): Promise<Journal> => {
    const store = prepare(environment, readOnly)
    const { clock, logger } = environment
    const { opened, calls } = inOther(readOnly)
      ? await inWorker(store, logger)
      : onMain(
          readOnly ? openReadingStore(store, { ...faults, logger }) : openStore(store, { ...faults, logger }),
          clock,
        )
    return sqliteJournal(`sqlite ${path}`, opened, calls, asideOf(store, environment), clock)
  }
  return {
    kind: 'sqlite',
    open: (environment) => journal(environment, false),
    openForReading: (environment) => journal(environment, true),
    transfer: {
      openSource: (environment) =>
        openTransferSource(prepare(environment, true), `sqlite ${path}`, environment),
      openTarget: (environment, request) =>
        openTransferTarget(prepare(environment, false), `sqlite ${path}`, environment, request),
    },
  }
}

function onMain(
  store: ReturnType<typeof openStore>,
  clock: JournalEnvironment['clock'],
): { opened: Journal['opened']; calls: StoreCalls } {
  return { opened: store.opened, calls: inThisThread(store, clock) }
}

function asideOf({ path }: StoreOptions, { directory }: JournalEnvironment): Aside {
  return {
    verify: (progress) => verifyAside(path, progress),
    backup: (target, progress) => backUp(path, resolve(directory, target), progress),
  }
}
