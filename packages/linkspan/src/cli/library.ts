import type {
  Admin,
  AdminReader,
  CopiedJournal,
  CopyJournalOptions,
  Engine,
  EngineOptions,
  FlowDefinition,
  Intake,
  Json,
  Project,
  Reference,
} from '../index.ts'

/** Where a running engine's admin API answers. */
export interface EngineAddress {
  readonly url: string
  readonly token: string
  /** The engine's process, when it was found beside the project file. */
  readonly pid?: number
}

/** A client of a running engine: everything a person can do, and handing in messages. */
export type AdminClient = Admin & Pick<Intake, 'accept'>

/** A stopped engine's journal, open for reading. */
export type JournalReader = AdminReader & Partial<Pick<Admin, 'backup'>> & { close(): Promise<void> }

/** What the command line uses of the library. `main.ts` binds it to the public doors, tests to fakes. */
export interface Library {
  createEngine(project: Project, options: EngineOptions): Engine
  openReader(project: Project, options: { readonly directory: string }): Promise<JournalReader>
  copyJournal(project: Project, target: Project, options: CopyJournalOptions): Promise<CopiedJournal>
  createAdminClient(address: { readonly url: string; readonly token: string }): AdminClient
  /** The engine that runs in a project's folder, or null. */
  findEngine(directory: string): Promise<EngineAddress | null> | EngineAddress | null
  /** The address that opens the console of an engine, signed in. */
  consoleLink(url: string, token: string): string
  /** Whether a value is what `env()` or `secret()` made. */
  isReference(value: unknown): value is Reference
  /** How the engine looks up references when it is told nothing else. */
  lookup(reference: Reference): string | undefined
  mermaid(definition: FlowDefinition): string
  svg(definition: FlowDefinition): string
  outline(definition: FlowDefinition): string
  graph(definition: FlowDefinition): unknown
}

export type { Json }
