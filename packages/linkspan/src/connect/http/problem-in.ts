/** Larger bodies are not looked into. */
const MOST_BYTES = 64 * 1024

/**
 * What the body of a failed reply says went wrong, in its own words; null where it is no JSON or says nothing in a form
 * that is known: problem details (RFC 9457: `title`, `detail`), `message`, OAuth's `error` with `error_description`,
 * `error` as a text or an object with any of these, and the first of `errors`.
 */
export function problemIn(bytes: Uint8Array): string | null {
  if (bytes.byteLength > MOST_BYTES || !LOOKS_LIKE_JSON.has(bytes.find((byte) => byte > SPACE) ?? 0))
    return null
  try {
    return saidBy(JSON.parse(Buffer.from(bytes).toString('utf8')), DEPTH)
  } catch {
    return null
  }
}

const SPACE = 0x20
const LOOKS_LIKE_JSON = new Set([...'{[', '\uFEFF'].map((sign) => Buffer.from(sign)[0] ?? 0))
const DEPTH = 3
/** Field names as services write them; the first that says something counts. */
const DETAILS = [
  'detail',
  'message',
  'Message',
  'error_description',
  'errorMessage',
  'description',
  'msg',
] as const
const TITLES = ['title', 'error'] as const
const NESTED = ['error', 'errors', 'fault', 'detail'] as const

function saidBy(value: unknown, depth: number): string | null {
  if (typeof value === 'string') return value.trim() === '' ? null : value
  if (typeof value !== 'object' || value === null || depth === 0) return null
  if (Array.isArray(value)) return saidBy(value[0], depth - 1)
  const fields = value as Readonly<Record<string, unknown>>
  const detail = textIn(fields, DETAILS)
  const title = textIn(fields, TITLES)
  if (detail !== null) return title === null || detail.includes(title) ? detail : `${title}: ${detail}`
  return nestedIn(fields, depth) ?? title
}

function textIn(fields: Readonly<Record<string, unknown>>, names: readonly string[]): string | null {
  for (const name of names) {
    const value = fields[name]
    if (typeof value === 'string' && value.trim() !== '') return value
  }
  return null
}

/** An object of lists, by field, is how many say what is wrong with which field. */
function nestedIn(fields: Readonly<Record<string, unknown>>, depth: number): string | null {
  for (const name of NESTED) {
    const value = fields[name]
    if (typeof value !== 'object' || value === null) continue
    const said = saidBy(value, depth - 1)
    if (said !== null) return said
    const [field, first] = Object.entries(value)[0] ?? []
    const ofField = Array.isArray(value) || depth === 1 ? null : saidBy(first, depth - 1)
    if (ofField !== null) return `${field}: ${ofField}`
  }
  return null
}
