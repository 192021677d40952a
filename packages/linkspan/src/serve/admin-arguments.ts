import type { Incoming } from '../connect/connector.ts'
import type { Headers, Json, MessageState } from '../model/message.ts'
import type { MessageQuery, Selection } from '../runtime/admin-api.ts'
import type { SendEventOptions } from '../runtime/sending.ts'
import { indexOfSearch, STATES } from './admin-contract.ts'
import { refusal } from './refusal.ts'

/** The body of an admin request: an object of JSON. */
export type Arguments = Readonly<Record<string, Json>>

/** Refuses an argument with what it should be. */
function wrong(name: string, expected: string): Error {
  return refusal('REQUEST_INVALID', `"${name}" has to be ${expected}.`, {
    issues: [{ detail: `has to be ${expected}`, pointer: `/${name}` }],
  })
}

/** A required text. */
export function textOf(given: Arguments, name: string): string {
  const value = given[name]
  if (typeof value === 'string') return value
  throw wrong(name, 'a text')
}

/** A required truth value. */
export function truthOf(given: Arguments, name: string): boolean {
  const value = given[name]
  if (typeof value === 'boolean') return value
  throw wrong(name, 'true or false')
}

/** A number above 0 that may be left out. */
export function optionalCount(given: Arguments, name: string): number | undefined {
  const value = given[name]
  if (value === undefined) return undefined
  if (typeof value === 'number' && value > 0) return value
  throw wrong(name, 'a number above 0')
}

/** A truth value that may be left out. */
export function optionalTruth(given: Arguments, name: string): boolean | undefined {
  return given[name] === undefined ? undefined : truthOf(given, name)
}

/** A message to be accepted: `body`, and whatever of `headers`, `key`, `dedupeKey` and `acceptedAt` is given. */
export function incomingOf(given: Arguments): Incoming & { readonly key?: string } {
  const { body = null, headers, acceptedAt } = given
  if (headers !== undefined && !isTexts(headers)) throw wrong('headers', 'an object of texts')
  if (acceptedAt !== undefined && typeof acceptedAt !== 'number')
    throw wrong('acceptedAt', 'a time in milliseconds')
  return {
    body,
    ...(headers === undefined ? {} : { headers: headers as Headers }),
    ...(acceptedAt === undefined ? {} : { acceptedAt }),
    ...(given['key'] === undefined ? {} : { key: textOf(given, 'key') }),
    ...(given['dedupeKey'] === undefined ? {} : { dedupeKey: textOf(given, 'dedupeKey') }),
  }
}

/** An event to be raised: `key`, a text or a number, `value`, and whatever of `headers` and `dedupeKey` is given. */
export function raisedOf(
  given: Arguments,
): SendEventOptions & { readonly key: string | number; readonly value: Json } {
  const { key, value = null, headers } = given
  if (typeof key !== 'string' && typeof key !== 'number') throw wrong('key', 'a text or a number')
  if (headers !== undefined && !isTexts(headers)) throw wrong('headers', 'an object of texts')
  return {
    key,
    value,
    ...(headers === undefined ? {} : { headers: headers as Headers }),
    ...(given['dedupeKey'] === undefined ? {} : { dedupeKey: textOf(given, 'dedupeKey') }),
  }
}

/** Which messages: `{ ids }` or `{ query }` under `selection`. */
export function selectionOf(given: Arguments): Selection {
  const value = given['selection']
  if (!isObject(value)) throw wrong('selection', 'an object with "ids" or "query"')
  if (Array.isArray(value['ids'])) return { ids: value['ids'].map(idOf) }
  if (isObject(value['query'])) return { query: checkedQuery(value['query']) }
  throw wrong('selection', 'an object with "ids" or "query"')
}

function idOf(value: Json): string {
  if (typeof value === 'string') return value
  throw wrong('selection/ids', 'a list of texts')
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The number of a URL's query; left out where it is not there. */
export function numberFrom(search: URLSearchParams, name: string): number | undefined {
  const text = search.get(name)
  if (text === null) return undefined
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw wrong(name, 'a number')
}

/** A message query from a URL's query. */
export function queryFromSearch(search: URLSearchParams): MessageQuery {
  const text = (name: string): Json | undefined => search.get(name) ?? undefined
  const children = search.get('children')
  return checkedQuery({
    flow: text('flow'),
    key: text('key'),
    states: search.has('state') ? search.getAll('state').filter((state) => state !== '') : undefined,
    since: numberFrom(search, 'since'),
    until: numberFrom(search, 'until'),
    index: indexOfSearch(search),
    children:
      children === null ? undefined : children === 'true' || (children === 'false' ? false : children),
    order: text('order'),
    limit: numberFrom(search, 'limit'),
    after: text('after'),
  })
}

type Check = readonly [expected: string, holds: (value: Json) => boolean]

const isText = (value: Json): boolean => typeof value === 'string'
const isNumber = (value: Json): boolean => typeof value === 'number'
const isTexts = (value: Json): boolean => isObject(value) && Object.values(value).every(isText)
const areStates = (value: Json): boolean =>
  Array.isArray(value) && value.every((state) => STATES.includes(state as MessageState))

const QUERY: Readonly<Record<keyof MessageQuery, Check>> = {
  flow: ['a text', isText],
  key: ['a text', isText],
  states: [`a list of ${STATES.join(', ')}`, areStates],
  since: ['a time in milliseconds since 1970', isNumber],
  until: ['a time in milliseconds since 1970', isNumber],
  index: ['an object of texts', isTexts],
  children: ['true or false', (value) => typeof value === 'boolean'],
  order: ['"newest" or "oldest"', (value) => value === 'newest' || value === 'oldest'],
  limit: ['a whole number above 0', (value) => Number.isSafeInteger(value) && (value as number) > 0],
  after: ['a text', isText],
}

/** Unknown names are refused: a misspelt filter would select everything. */
function checkedQuery(given: Readonly<Record<string, Json | undefined>>): MessageQuery {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined)
  for (const [name, value] of entries) {
    const check = Object.hasOwn(QUERY, name) ? QUERY[name as keyof MessageQuery] : undefined
    if (check === undefined) throw wrong(name, `one of ${Object.keys(QUERY).join(', ')}`)
    if (!check[1](value as Json)) throw wrong(name, check[0])
  }
  return Object.fromEntries(entries) as MessageQuery
}
