/** A reply as parsers and `verify` see it. */
export interface HttpReply {
  readonly status: number
  /** Lower-case names; repeated headers are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  /** One header by its lower-case name, without making all of `headers`; undefined when the reply has none such. */
  header(name: string): string | undefined
  readonly bytes: Uint8Array
  /** The body as UTF-8 text. */
  text(): string
  /** The body as JSON; throws a `SyntaxError` when it is none. */
  json(): unknown
}

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Makes a {@link HttpReply}; headers are read when they are asked for. */
export function httpReply(status: number, raw: RawHeaders, bytes: Buffer): HttpReply {
  let joined: Readonly<Record<string, string>> | null = null
  const text = (): string => bytes.toString('utf8')
  return {
    status,
    bytes,
    get headers() {
      joined ??= joinHeaders(raw)
      return joined
    },
    header(name) {
      const value = raw[name]
      return typeof value === 'string' ? value : this.headers[name]
    },
    text,
    json: () => JSON.parse(text()) as unknown,
  }
}

function joinHeaders(raw: RawHeaders): Readonly<Record<string, string>> {
  const entries = Object.entries(raw).filter((entry) => entry[1] !== undefined) as [
    string,
    string | string[],
  ][]
  return Object.fromEntries(
    entries.map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]),
  )
}
