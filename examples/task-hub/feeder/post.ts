import { createHmac } from 'node:crypto'
import type { Pool } from 'undici'

/** What the hub said to a delivery. */
export type PostOutcome =
  | { readonly kind: 'accepted'; readonly messageId: string; readonly duplicate: boolean }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'refused'; readonly status: number; readonly body: string }

const LONGEST_RETRY_AFTER_MS = 2000

/** Posts a webhook as GitHub does, signed over the raw body. Never throws: a broken connection is an outcome. */
export async function postWebhook(
  pool: Pool,
  secret: string,
  webhook: { readonly deliveryId: string; readonly githubEvent: string; readonly body: string },
): Promise<PostOutcome> {
  try {
    const response = await pool.request({
      path: '/webhooks/github',
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'GitHub-Hookshot/feeder',
        'x-github-event': webhook.githubEvent,
        'x-github-delivery': webhook.deliveryId,
        'x-hub-signature-256': signatureOf(secret, webhook.body),
      },
      body: webhook.body,
    })
    return readAnswer(response.statusCode, response.headers['retry-after'], await response.body.text())
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string }
    return { kind: 'failed', reason: code ?? message ?? String(error), retryAfterMs: null }
  }
}

/** GitHub's `X-Hub-Signature-256`: HMAC-SHA256 over the raw body, in hexadecimal. */
export function signatureOf(secret: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
}

function readAnswer(status: number, retryAfter: string | string[] | undefined, text: string): PostOutcome {
  if (status >= 500 || status === 429) {
    const seconds = Number(retryAfter)
    const retryAfterMs = seconds >= 0 ? Math.min(seconds * 1000, LONGEST_RETRY_AFTER_MS) : null
    return { kind: 'failed', reason: `status ${status}`, retryAfterMs }
  }
  const answer = status < 300 ? parseAnswer(text) : null
  if (answer === null) return { kind: 'refused', status, body: text.slice(0, 500) }
  return { kind: 'accepted', messageId: answer.id, duplicate: answer.duplicate === true }
}

function parseAnswer(text: string): { readonly id: string; readonly duplicate?: unknown } | null {
  try {
    const answer = JSON.parse(text) as { id?: unknown; duplicate?: unknown } | null
    return typeof answer?.id === 'string' ? { ...answer, id: answer.id } : null
  } catch {
    return null
  }
}
