/** What stands in a log for a value that must not. */
export const REDACTED = '[redacted]'

const SECRET_NAME =
  /pass(?:word|wd|phrase)|secret|token|api[-_]?key|auth(?:orization)?$|cookie|credential|signature|private[-_]?key|bearer/i

const MAX_DEPTH = 8
const MAX_ITEMS = 200
const MAX_TEXT = 8_192

/** Whether a field's name says that its value is a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

/**
 * A value as it may stand in a log: plain, bounded in depth and size, with texts under secret-looking names hidden.
 * Numbers and booleans under such names stay, as in `tokens: 3`. Never throws.
 */
export function redact(value: unknown, name = ''): unknown {
  return clean(value, name, [])
}

function clean(value: unknown, name: string, around: readonly object[]): unknown {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined)
    return value
  if (isSecretName(name)) return REDACTED
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value
  if (typeof value !== 'object') return String(value)
  if (around.includes(value)) return '[circular]'
  if (around.length >= MAX_DEPTH) return '[deeper]'
  return cleanObject(value, [...around, value])
}

function cleanObject(value: object, around: readonly object[]): unknown {
  try {
    if (value instanceof Date) return value.toISOString()
    if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => clean(item, '', around))
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
    return Object.fromEntries(
      entriesOf(value)
        .slice(0, MAX_ITEMS)
        .map(([name, item]) => [name, clean(item, name, around)]),
    )
  } catch {
    return '[unreadable]'
  }
}

/** An error's own words are not enumerable. */
function entriesOf(value: object): readonly (readonly [string, unknown])[] {
  if (!(value instanceof Error)) return Object.entries(value)
  const { name, message, cause } = value
  return [
    ['name', name],
    ['message', message],
    ...Object.entries(value).filter(([key]) => key !== 'name'),
    ...(cause === undefined ? [] : [['cause', cause] as const]),
  ]
}
