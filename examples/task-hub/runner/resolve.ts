import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createAdminClient, findEngine } from 'linkspan'
import { readWholeLog } from '../lib/ndjson.ts'
import { ENDINGS, type Ending, type FeederLine, type MessageAnswer, type SinkLine } from '../protocol.ts'
import type { Stage } from './stage.ts'

/** A message in doubt, and whether the chat has it all the same. */
interface Doubt {
  readonly messageId: string
  readonly deliveryId: string
  readonly posted: boolean
}

const NOTE = 'The chat was looked at.'
const END_WITHIN_MS = 180_000
const ASK_EVERY_MS = 50

/**
 * Does what a person does about messages in doubt, by the admin API: looks at the chat, and says whether the message
 * is there; one that is not goes out again. Every other doubt is left as it is, so that both can be seen in the ledger.
 */
export async function resolveDoubts(stage: Stage): Promise<void> {
  const engine = await findEngine(join(stage.folder, 'hub'))
  if (engine === null) return
  const admin = createAdminClient(engine)
  const doubts = (await readDoubts(stage.logs)).filter((_doubt, index) => index % 2 === 0)
  await Promise.all(
    doubts.map(async ({ messageId, deliveryId, posted }) => {
      const at = Date.now()
      await admin.resolve(messageId, posted, { note: NOTE })
      const state = await endingOf(stage.hub.url, messageId)
      stage.log.write({ event: 'resolved', messageId, deliveryId, sentAgain: !posted, at, state })
    }),
  )
}

async function readDoubts(logs: string): Promise<readonly Doubt[]> {
  const feeder = await readWholeLog<FeederLine>(join(logs, 'feeder.ndjson'))
  const chat = await readWholeLog<SinkLine>(join(logs, 'chat.ndjson'))
  const inDoubt = new Set(
    feeder.filter((line) => line.event === 'ended' && line.state === 'inDoubt').map(messageOf),
  )
  const posted = new Set(chat.map((line) => (line.event === 'effect' ? line.deliveryId : null)))
  const deliveries = feeder.filter((line) => line.event === 'accepted' && !line.duplicate)
  return deliveries.flatMap((line) =>
    line.event === 'accepted' && inDoubt.has(line.messageId)
      ? [{ messageId: line.messageId, deliveryId: line.deliveryId, posted: posted.has(line.deliveryId) }]
      : [],
  )
}

function messageOf(line: FeederLine): string {
  return 'messageId' in line ? line.messageId : ''
}

/** How a message ends that is on its way again; null when it does not within the limit. */
async function endingOf(hubUrl: string, messageId: string): Promise<Ending | null> {
  const start = performance.now()
  while (performance.now() - start < END_WITHIN_MS) {
    const response = await fetch(`${hubUrl}/messages/${encodeURIComponent(messageId)}`)
    const { state } = (await response.json()) as MessageAnswer
    const ending = ENDINGS.find((each) => each === state)
    if (ending) return ending
    await pause(ASK_EVERY_MS)
  }
  return null
}
