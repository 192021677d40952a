import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AdminClient, consoleLink, createAdminClient, findEngine, type Json } from 'linkspan'
import { type RunOptions, readOptions } from '../../examples/task-hub/runner/options.ts'
import { setStage } from '../../examples/task-hub/runner/stage.ts'

const HUB = join(import.meta.dirname, '..', '..', 'examples', 'task-hub', 'hub.ts')

/** The running task hub, with simulators that fail now and then, and without a feeder. */
export interface Hub {
  readonly link: string
  readonly admin: AdminClient
  /** Hands in a webhook as GitHub's would come, past the check of its signature. */
  webhook(event: string, delivery: string, body: Json): Promise<string>
  close(): Promise<void>
}

/** Starts it; `faults` is a factor on the simulators' rates. */
export async function startHub(faults: number, seed: number): Promise<Hub> {
  const data = mkdtempSync(join(tmpdir(), 'linkspan-console-'))
  const given = readOptions(
    ['--data', data, '--seed', String(seed), '--faults', String(faults)],
    HUB,
  ) as RunOptions
  // Announced in the run's own folder, so that a hub which runs beside this test is left in peace.
  const stage = await setStage({ ...given, hubEnv: { HUB_MODE: 'once' } }, new AbortController().signal)
  await stage.startHub()
  const engine = await findEngine(join(data, 'hub'))
  if (engine === null) throw new Error(`No engine is announced in ${data}/hub.`)
  const admin = createAdminClient(engine)
  return {
    link: consoleLink(stage.hub.url, engine.token),
    admin,
    async webhook(event, delivery, body) {
      const headers = { 'x-github-event': event, 'x-github-delivery': delivery }
      return (await admin.accept('github', { body, headers, dedupeKey: delivery })).id
    },
    async close() {
      await stage.close()
      rmSync(data, { recursive: true, force: true })
    },
  }
}

/** An issue as GitHub tells of it; `title` may be what it must not be. */
export function issue(number: number, title: Json): Json {
  return {
    action: 'edited',
    issue: { number, title, state: 'open', html_url: 'x', updated_at: '2026-01-02T03:04:05Z' },
    repository: { full_name: 'o/r' },
  }
}

/** A release, which goes to the chat: the place where a lost answer is a doubt. */
export function release(tag: string): Json {
  return {
    action: 'published',
    release: { tag_name: tag, name: tag, html_url: 'x' },
    repository: { full_name: `o/${tag}` },
  }
}
