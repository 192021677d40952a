import type { AnyFlow } from 'linkspan'
import { hearOfBuilds, keepBugs } from './broken-build.ts'
import { hearOfCode, queueBuilds, writeStatus } from './build-on-push.ts'
import { hearOfMerges, settleMerges } from './merged-pull-request.ts'
import { reconcile } from './reconcile.ts'
import { releaseReport } from './release-report.ts'

/** The four recipes. */
export const flows: readonly AnyFlow[] = [
  hearOfMerges,
  settleMerges,
  hearOfBuilds,
  keepBugs,
  hearOfCode,
  queueBuilds,
  writeStatus,
  releaseReport,
  reconcile,
]
