const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 cannot hold them, not even escaped.
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

/** A text as XML can hold it, in content and attributes. */
export function escapeXml(text: string): string {
  return text.replace(NOT_XML, ' ').replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}

/** A text of at most `length` characters; the end of a longer one is told by an ellipsis. */
export function clipped(text: string, length: number): string {
  const characters = Array.from(text)
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u
const NARROW = /[ijlftrI.,:;'|()[\]{} /]/
const BROAD = /[mwMW@%]/

/** About how many pixels a text takes in a usual sans-serif face of a size, rather too many than too few. */
export function textWidth(text: string, size: number): number {
  return Math.ceil(Array.from(text).reduce((sum, character) => sum + size * widthOf(character), 0))
}

function widthOf(character: string): number {
  if (WIDE.test(character)) return 1.05
  if (BROAD.test(character)) return 0.92
  if (NARROW.test(character)) return 0.38
  return /[A-Z0-9]/.test(character) ? 0.68 : 0.6
}
