/** A Content-Type taken apart: both parts in lower case, without other parameters. */
export interface MediaType {
  /** As `application/json`. */
  readonly essence: string
  readonly charset: string | null
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const ESSENCE = new RegExp(`^(${TOKEN}/${TOKEN})[ \\t]*(;.*)?$`)
const PARAMETER = new RegExp(`;[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)"))?[ \\t]*`, 'y')

/** Reads a Content-Type (RFC 9110, 8.3.1); null when it is not one media type, as when it was sent twice. */
export function parseMediaType(text: string): MediaType | null {
  const [, essence, parameters] = ESSENCE.exec(text.trim()) ?? []
  if (essence === undefined) return null
  const charset = parameters === undefined ? null : charsetOf(parameters)
  return charset === undefined ? null : { essence: essence.toLowerCase(), charset }
}

function charsetOf(parameters: string): string | null | undefined {
  let charset: string | null = null
  for (let at = 0; at < parameters.length; at = PARAMETER.lastIndex) {
    PARAMETER.lastIndex = at
    const found = PARAMETER.exec(parameters)
    if (!found) return undefined
    if (found[1]?.toLowerCase() === 'charset') charset ??= (found[2] ?? found[3] ?? '').toLowerCase()
  }
  return charset
}
