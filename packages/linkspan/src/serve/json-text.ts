import type { Json } from '../model/message.ts'
import { jsonErrorPosition } from './json-position.ts'
import { pointerOf } from './problem.ts'
import { refusal } from './refusal.ts'

/** How deep a body may nest: what is kept must also be written again, and writers use the stack. */
export const MAX_DEPTH = 500

/**
 * Parses a JSON body. Refuses malformed text with its position, nesting beyond {@link MAX_DEPTH}, and members
 * called `__proto__`, which code that copies objects would take for their prototype.
 */
export function parseJson(text: string): Json {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    throw malformed(text)
  }
  if (nestsTooDeep(text)) throw tooDeep()
  if (mayHoldProto(text)) refuseProto(value)
  return value
}

function malformed(text: string): Error {
  if (text.trim() === '') return refusal('BODY_MALFORMED', 'The body is empty. Send JSON.')
  const at = jsonErrorPosition(text)
  const place = at === null ? '' : ` at line ${at.line}, column ${at.column} (offset ${at.offset})`
  return refusal('BODY_MALFORMED', `The body is not JSON${place}.`, {
    members: at === null ? {} : { position: at },
  })
}

/** Most bodies are cleared by a look at the text: the name does not occur, and there are few brackets. */
function mayHoldProto(text: string): boolean {
  return text.includes('__proto__') || text.includes('\\u00')
}

function nestsTooDeep(text: string): boolean {
  if (text.length < 2 * MAX_DEPTH) return false
  return count(text, '{') + count(text, '[') > MAX_DEPTH && depthOf(text) > MAX_DEPTH
}

function count(text: string, char: string): number {
  let found = 0
  for (let at = text.indexOf(char); at !== -1; at = text.indexOf(char, at + 1)) found++
  return found
}

/** The deepest nesting of a text that is known to be JSON. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = stringEnd(text, at)
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth)
    else if (char === '}' || char === ']') depth--
  }
  return deepest
}

function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

interface Place {
  readonly value: Json
  readonly name: string | number | null
  readonly parent: Place | null
}

function refuseProto(root: Json): void {
  const unseen: Place[] = [{ value: root, name: null, parent: null }]
  for (let place = unseen.pop(); place !== undefined; place = unseen.pop()) {
    if (typeof place.value !== 'object' || place.value === null) continue
    if (!Array.isArray(place.value) && Object.hasOwn(place.value, '__proto__')) throw proto(place)
    for (const [name, value] of Object.entries(place.value)) unseen.push({ value, name, parent: place })
  }
}

function tooDeep(): Error {
  return refusal('BODY_MALFORMED', `The body nests deeper than ${MAX_DEPTH} levels. Send a flatter one.`)
}

function proto(place: Place): Error {
  const path: (string | number)[] = ['__proto__']
  for (let at: Place | null = place; at !== null && at.name !== null; at = at.parent) path.unshift(at.name)
  return refusal('BODY_MALFORMED', 'The body has a member called "__proto__", which is not accepted.', {
    issues: [{ detail: 'has a name that is not accepted', pointer: pointerOf(path) }],
  })
}
