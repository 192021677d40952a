const number = (text: string): number => Number(text)
const bytes = (text: string): Uint8Array => Buffer.from(text.slice(2), 'hex')

/** The elements of an array of numbers or of bytes, which hold neither commas nor quotes. */
const elements = (text: string): readonly string[] => (text === '{}' ? [] : text.slice(1, -1).split(','))

/** An element as in `"\\x6869"`: between quotes, its backslash doubled. */
const quotedBytes = (text: string): Uint8Array => Buffer.from(text.slice(4, -1), 'hex')

const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => text === 't',
  17: bytes,
  20: number,
  21: number,
  23: number,
  701: number,
  1007: (text) => elements(text).map(number),
  1001: (text) => elements(text).map(quotedBytes),
  1016: (text) => elements(text).map(number),
}

const asItIs = (text: string): string => text

/** How the client is to read results, by the type's number in PostgreSQL: integers as numbers, `bytea` as bytes. */
export const resultTypes: { readonly getTypeParser: (oid: number) => (text: string) => unknown } = {
  getTypeParser: (oid) => PARSERS[oid] ?? asItIs,
}
