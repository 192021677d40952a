import type { Json } from '../../model/message.ts'
import { badRequest } from './service-failure.ts'
import { fieldName, tagsOf } from './work-item-patch.ts'
import { present } from './work-item-store.ts'
import { DATE_FIELDS, PERSON_FIELDS } from './work-item-types.ts'
import type { Fields, Identity, Item, Project, Revision, World } from './world.ts'

/** A query in the Work Item Query Language: a flat one over `WorkItems`. */
export interface Wiql {
  readonly columns: readonly string[]
  readonly where: Condition | null
  readonly order: readonly { readonly field: string; readonly descending: boolean }[]
}

type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  | Compare

interface Compare {
  readonly kind: 'compare'
  readonly field: string
  readonly ever: boolean
  readonly op: string
  readonly values: readonly Value[]
}

type Value =
  | { readonly text: string }
  | { readonly number: number }
  | { readonly macro: string; readonly offset: number }
  | { readonly field: string }

/** What a query is evaluated in. */
export interface WiqlScope {
  readonly world: World
  readonly project: Project | null
  readonly by: Identity
  readonly timePrecision: boolean
}

const TOKEN =
  /\s*(?:(\[[^\]]+\])|'((?:[^']|'')*)'|"((?:[^"]|"")*)"|(@\w+(?:\s*[-+]\s*\d+)?)|(-?\d+(?:\.\d+)?)|(<>|<=|>=|[=<>(),])|([A-Za-z_][\w.]*))/y

interface Token {
  readonly kind: 'field' | 'text' | 'macro' | 'number' | 'sign' | 'word'
  readonly value: string
}

function tokensOf(query: string): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  const whole = query.trimEnd()
  while (TOKEN.lastIndex < whole.length) {
    const at = TOKEN.lastIndex
    const found = TOKEN.exec(whole)
    if (found === null)
      return problem(`Expecting an expression. The error is caused by «${whole.slice(at, at + 20)}»`)
    const [, field, single, double, macro, number, sign, word] = found
    if (field !== undefined) tokens.push({ kind: 'field', value: field.slice(1, -1).trim() })
    else if (single !== undefined) tokens.push({ kind: 'text', value: single.replaceAll("''", "'") })
    else if (double !== undefined) tokens.push({ kind: 'text', value: double.replaceAll('""', '"') })
    else if (macro !== undefined) tokens.push({ kind: 'macro', value: macro })
    else if (number !== undefined) tokens.push({ kind: 'number', value: number })
    else if (sign !== undefined) tokens.push({ kind: 'sign', value: sign })
    else tokens.push({ kind: 'word', value: word as string })
  }
  return tokens
}

function problem(message: string): never {
  return badRequest(
    `TF51006: The query statement is missing a clause or cannot be read. ${message}.`,
    'SyntaxException',
  )
}

/** Reads a query; refuses what the service refuses and what this simulator does not know. */
export function parseWiql(world: World, query: string): Wiql {
  const tokens = tokensOf(query)
  let at = 0
  const peek = (...words: readonly string[]): boolean =>
    words.every(
      (word, index) =>
        tokens[at + index]?.value.toLowerCase() === word && tokens[at + index]?.kind !== 'text',
    )
  const take = (...words: readonly string[]): boolean => {
    if (!peek(...words)) return false
    at += words.length
    return true
  }
  const expect = (word: string): void => {
    if (!take(word))
      problem(`Expecting ${word.toUpperCase()}. The error is caused by «${tokens[at]?.value ?? 'end'}»`)
  }
  const next = (): Token => tokens[at++] ?? problem('The statement ends early')
  const field = (): string => {
    const { kind, value } = next()
    if (kind !== 'field' && kind !== 'word')
      return problem(`Expecting a field name. The error is caused by «${value}»`)
    return fieldName(world, value)
  }
  const listOf = <T>(one: () => T): T[] => {
    const all = [one()]
    while (take(',')) all.push(one())
    return all
  }
  const value = (): Value => {
    const { kind, value: text } = next()
    if (kind === 'text') return { text }
    if (kind === 'number') return { number: Number(text) }
    if (kind === 'field') return { field: fieldName(world, text) }
    const macro = /^@(\w+)(?:\s*([-+]\s*\d+))?$/.exec(text)
    if (kind === 'macro' && macro)
      return {
        macro: (macro[1] as string).toLowerCase(),
        offset: Number((macro[2] ?? '0').replaceAll(' ', '')),
      }
    if (kind === 'word' && /^(true|false)$/i.test(text)) return { text: text.toLowerCase() }
    return problem(`Expecting a value. The error is caused by «${text}»`)
  }
  const compare = (): Condition => {
    const name = field()
    const negated = take('not')
    const ever = take('ever') || take('was', 'ever')
    const wrap = (part: Condition): Condition => (negated ? { kind: 'not', part } : part)
    const one = (op: string, values: readonly Value[]): Condition =>
      wrap({ kind: 'compare', field: name, ever, op, values })
    if (take('is', 'not', 'empty')) return { kind: 'not', part: one('empty', []) }
    if (take('is', 'empty')) return one('empty', [])
    if (take('in')) {
      expect('(')
      const values = listOf(value)
      expect(')')
      return one('in', values)
    }
    if (take('contains', 'words')) return one('contains', [value()])
    if (take('contains')) return one('contains', [value()])
    if (take('under')) return one('under', [value()])
    const sign = next()
    if (!['=', '<>', '<', '>', '<=', '>='].includes(sign.value))
      return problem(`Expecting a comparison operator. The error is caused by «${sign.value}»`)
    return one(sign.value, [value()])
  }
  const factor = (): Condition => {
    if (take('not')) return { kind: 'not', part: factor() }
    if (!take('(')) return compare()
    const inner = either()
    expect(')')
    return inner
  }
  const both = (): Condition => {
    const parts = [factor()]
    while (take('and')) parts.push(factor())
    return parts.length === 1 ? (parts[0] as Condition) : { kind: 'and', parts }
  }
  const either = (): Condition => {
    const parts = [both()]
    while (take('or')) parts.push(both())
    return parts.length === 1 ? (parts[0] as Condition) : { kind: 'or', parts }
  }
  expect('select')
  const columns = listOf(field)
  expect('from')
  if (!take('workitems')) problem('This simulator answers flat queries FROM WorkItems only')
  const where = take('where') ? either() : null
  const order = take('order', 'by')
    ? listOf(() => {
        const name = field()
        const descending = take('desc')
        if (!descending) take('asc')
        return { field: name, descending }
      })
    : []
  if (at < tokens.length) problem(`Expecting end of string. The error is caused by «${tokens[at]?.value}»`)
  return { columns, where, order }
}

/** The work items that a query finds, in its order. */
export function findItems(query: Wiql, scope: WiqlScope): Item[] {
  const found = [...scope.world.items.values()].filter(
    (item) => !item.deleted && (query.where === null || holds(query.where, item, scope)),
  )
  return found.sort((a, b) => inOrder(query, a, b))
}

function inOrder({ order }: Wiql, a: Item, b: Item): number {
  for (const { field, descending } of order) {
    const difference = compareValues(keyOf(a, field), keyOf(b, field))
    if (difference !== 0) return descending ? -difference : difference
  }
  return a.id - b.id
}

function compareValues(a: string | number, b: string | number): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function keyOf(item: Item, field: string): string | number {
  const value = fieldOf(item, present(item), field)
  return typeof value === 'number' ? value : textOf(field, value)
}

function fieldOf(item: Item, { fields, rev, watermark }: Revision, field: string): Json {
  if (field === 'System.Id') return item.id
  if (field === 'System.Rev') return rev
  if (field === 'System.Watermark') return watermark
  return fields[field] ?? null
}

function textOf(field: string, value: Json): string {
  if (value === null) return ''
  if (PERSON_FIELDS.has(field)) return String((value as Fields)['uniqueName']).toLowerCase()
  return String(value).toLowerCase()
}

function holds(condition: Condition, item: Item, scope: WiqlScope): boolean {
  if (condition.kind === 'not') return !holds(condition.part, item, scope)
  if (condition.kind !== 'compare') {
    const isTrue = (part: Condition): boolean => holds(part, item, scope)
    return condition.kind === 'and' ? condition.parts.every(isTrue) : condition.parts.some(isTrue)
  }
  const revisions = condition.ever ? item.revisions : [present(item)]
  return revisions.some((revision) => compares(condition, item, revision, scope))
}

function compares({ field, op, values }: Compare, item: Item, revision: Revision, scope: WiqlScope): boolean {
  const actual = fieldOf(item, revision, field)
  if (op === 'empty') return actual === null || actual === ''
  const wanted = values.map((value) => resolved(value, field, item, revision, scope))
  if (op === 'in') return wanted.some((one) => isSame(field, actual, one, scope))
  const first = wanted[0] ?? null
  if (op === 'contains') return contains(field, actual, String(first))
  if (op === 'under') return isUnder(String(actual ?? ''), String(first))
  if (op === '=') return isSame(field, actual, first, scope)
  if (op === '<>') return !isSame(field, actual, first, scope)
  if (actual === null) return false
  const [a, b] = comparable(field, actual, first, scope)
  if (op === '<') return a < b
  if (op === '>') return a > b
  return op === '<=' ? a <= b : a >= b
}

function contains(field: string, actual: Json, wanted: string): boolean {
  if (field === 'System.Tags') return tagsOf(actual).some((tag) => tag.toLowerCase() === wanted.toLowerCase())
  return textOf(field, actual).includes(wanted.toLowerCase())
}

function isUnder(path: string, parent: string): boolean {
  const [a, b] = [path.toLowerCase(), parent.toLowerCase()]
  return a === b || a.startsWith(`${b}\\`)
}

function isSame(field: string, actual: Json, wanted: Json, scope: WiqlScope): boolean {
  if (actual === null) return wanted === null || wanted === ''
  const [a, b] = comparable(field, actual, wanted, scope)
  return a === b
}

function comparable(
  field: string,
  actual: Json,
  wanted: Json,
  { timePrecision }: WiqlScope,
): [string | number, string | number] {
  if (typeof actual === 'number') return [actual, Number(wanted)]
  if (DATE_FIELDS.has(field)) {
    const given = String(wanted)
    if (!timePrecision && /T\d|\d:\d/.test(given))
      badRequest(
        `You cannot supply a time with the date when running a query using date precision. The error is caused by «[${field}]».`,
        'SyntaxException',
      )
    const unit = timePrecision ? 1 : 86_400_000
    return [Math.floor(Date.parse(String(actual)) / unit), Math.floor(Date.parse(given) / unit)]
  }
  if (PERSON_FIELDS.has(field)) {
    const mail = /<([^>]+)>\s*$/.exec(String(wanted))?.[1] ?? String(wanted)
    const { displayName, uniqueName } = actual as Fields
    const same = [displayName, uniqueName].some((name) => String(name).toLowerCase() === mail.toLowerCase())
    return same ? [0, 0] : [textOf(field, actual), mail.toLowerCase()]
  }
  return [textOf(field, actual), String(wanted ?? '').toLowerCase()]
}

function resolved(value: Value, field: string, item: Item, revision: Revision, scope: WiqlScope): Json {
  if ('text' in value) return value.text
  if ('number' in value) return value.number
  if ('field' in value) return fieldOf(item, revision, value.field)
  if (value.macro === 'me') return scope.by.uniqueName
  if (value.macro === 'project')
    return (
      scope.project?.name ??
      badRequest(
        'TF51005: The query references the @project macro and no project was given.',
        'SyntaxException',
      )
    )
  if (value.macro === 'today') {
    const day = Math.floor(scope.world.clock.now() / 86_400_000) + value.offset
    return new Date(day * 86_400_000).toISOString().slice(0, scope.timePrecision ? 24 : 10)
  }
  return badRequest(
    `TF51005: The query references a macro that does not exist: @${value.macro} for ${field}.`,
    'SyntaxException',
  )
}
