import { ensureError, restoreError } from '../../model/errors.ts'
import type { Damage } from '../journal.ts'
import type { WorkerReport } from './worker-protocol.ts'
import { startWorker } from './worker-thread.ts'

/** Verifies a journal in a worker of its own, as it reads every byte and would hold up the engine. */
export function verifyAside(
  path: string,
  progress: (done: number, total: number) => void,
): Promise<readonly Damage[]> {
  const worker = startWorker({ task: 'verify', path })
  return new Promise((resolve, reject) => {
    worker.on('message', (report: WorkerReport) => {
      if (report.kind === 'progress') progress(report.done, report.total)
      if (report.kind === 'verified') resolve(report.damage)
      if (report.kind === 'refused') reject(restoreError(report.error))
    })
    worker.on('error', (error) => reject(ensureError(error)))
    worker.on('exit', () =>
      reject(ensureError(new Error('The worker ended before it had verified the journal.'))),
    )
  })
}
