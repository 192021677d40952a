import type { Verb, VerbGroup } from '../verb.ts'
import { cancel } from './cancel.ts'
import { check } from './check.ts'
import { cluster } from './cluster.ts'
import { console } from './console.ts'
import { dead } from './dead.ts'
import { dev } from './dev.ts'
import { doc } from './doc.ts'
import { doubt } from './doubt.ts'
import { events } from './events.ts'
import { flows } from './flows.ts'
import { graph } from './graph.ts'
import { groups } from './groups.ts'
import { init } from './init.ts'
import { journal } from './journal.ts'
import { keys } from './keys.ts'
import { messages } from './messages.ts'
import { probe } from './probe.ts'
import { raise } from './raise.ts'
import { replay } from './replay.ts'
import { run } from './run.ts'
import { send } from './send.ts'
import { trace } from './trace.ts'

/** All verbs, in the order of the help. */
export const VERBS: readonly (Verb | VerbGroup)[] = [
  init,
  dev,
  run,
  check,
  graph,
  doc,
  send,
  raise,
  messages,
  trace,
  flows,
  keys,
  events,
  groups,
  dead,
  doubt,
  cancel,
  replay,
  journal,
  cluster,
  console,
  probe,
]
