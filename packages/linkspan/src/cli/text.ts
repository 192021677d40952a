import { stripVTControlCharacters } from 'node:util'

const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|^\p{Extended_Pictographic}/u
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const SEGMENTS = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
const PLAIN = /^[\u0020-\u007e]*$/

/**
 * Text from outside made safe to print on one line: control characters (also those that move the cursor or turn the
 * direction of writing) become visible escapes, so that a message's key cannot paint the terminal.
 */
export function clean(text: string): string {
  return text.replace(CONTROL, (character) => {
    if (character === '\n') return '\\n'
    if (character === '\t') return '\\t'
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** How many columns a text takes; colour codes take none. */
export function displayWidth(text: string): number {
  const bare = stripVTControlCharacters(text)
  if (PLAIN.test(bare)) return bare.length
  let width = 0
  for (const { segment } of SEGMENTS.segment(bare)) width += WIDE.test(segment) ? 2 : 1
  return width
}

/** The text cut to a width, with `…` where something is missing. The text carries no colour codes. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  if (width <= 1) return width === 1 ? '…' : ''
  let cut = ''
  let used = 0
  for (const { segment } of SEGMENTS.segment(text)) {
    const next = used + (WIDE.test(segment) ? 2 : 1)
    if (next > width - 1) break
    cut += segment
    used = next
  }
  return `${cut}…`
}

/** The text with spaces up to a width. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'right'): string {
  const spaces = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return side === 'right' ? text + spaces : spaces + text
}

/** A count with its noun: `1 message`, `1,234 messages`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`
}

/** A value as one line of JSON, safe to print. */
export function oneLine(value: unknown): string {
  return clean(JSON.stringify(value) ?? 'undefined')
}
