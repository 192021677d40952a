import type { Journal, JournalFactory } from '../journal/journal.ts'
import type { Outside } from '../model/outside.ts'
import type { Flow } from '../patterns/steps.ts'
import type { Acting } from './acting.ts'
import type { Budgets } from './budget/budgets.ts'
import type { Committer } from './committer.ts'
import type { CompiledFlow } from './compile.ts'
import type { Hooks, Metrics, Project } from './engine-api.ts'
import type { Events } from './events.ts'
import type { ForeignFlows } from './foreign-flows.ts'
import type { SecretHider } from './hide-secrets.ts'
import type { Taker } from './intake.ts'
import type { Ledger } from './ledger.ts'
import type { Live } from './live.ts'
import type { PuttingAside } from './put-aside.ts'
import type { Replies } from './replies.ts'
import type { Requests } from './requests.ts'
import type { KeptSource } from './sources.ts'

/** What a runtime is made of: everything is resolved, nothing is looked up here. */
export interface RuntimeOptions {
  readonly flows: readonly Flow[]
  readonly journal: JournalFactory
  /** Configuration by connection name, references resolved. */
  readonly connections: Readonly<Record<string, unknown>>
  readonly outside: Outside
  readonly directory: string
  readonly metrics: Metrics
  readonly codeVersion: (flow: Flow) => string
  readonly hooks: Hooks
  /** Takes the project's secrets out of the errors of other systems. @default nothing is hidden */
  readonly hider?: SecretHider
  readonly settings: Pick<Project, 'retention' | 'attentionRetention' | 'onError'>
}

/** The parts of a started runtime that administration works on. */
export interface RuntimeParts {
  readonly outside: Outside
  readonly journal: Journal
  readonly committer: Committer
  readonly live: Live
  readonly ledger: Ledger
  readonly takers: ReadonlyMap<string, Taker>
  readonly flows: ReadonlyMap<string, CompiledFlow>
  readonly sources: ReadonlyMap<string, KeptSource>
  readonly events: Events
  readonly replies: Replies
  readonly budgets: Budgets
  /** The partitions that this engine runs. */
  readonly owned: ReadonlySet<number>
  readonly acting: Acting
  readonly aside: PuttingAside
  readonly requests: Requests
  readonly foreign: ForeignFlows
  readonly directory: string
}
