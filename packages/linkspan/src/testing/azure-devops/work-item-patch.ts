import type { Json } from '../../model/message.ts'
import { badRequest, refuse, ServiceFailure } from './service-failure.ts'
import {
  DATE_FIELDS,
  FIELDS,
  PERSON_FIELDS,
  READ_ONLY_FIELDS,
  RESOURCE_LINKS,
  REVERSE_LINKS,
} from './work-item-types.ts'
import { type Fields, identityRef, type Relation, type World } from './world.ts'

/** One operation of a JSON Patch document (RFC 6902), as far as work items take it. */
export interface PatchOperation {
  readonly op: string
  readonly path: string
  readonly value?: Json
  readonly from?: string
}

/** A work item while a patch is applied to it. */
export interface Draft {
  readonly id: number
  readonly rev: number
  readonly fields: Fields
  readonly relations: Relation[]
}

/** Applies a patch to a draft, or refuses all of it. */
export function applyPatch(world: World, draft: Draft, operations: readonly PatchOperation[]): void {
  if (!Array.isArray(operations) || operations.length === 0)
    badRequest('You must pass a valid patch document in the body of the request.')
  for (const operation of operations) applyOne(world, draft, operation)
}

function applyOne(world: World, draft: Draft, operation: PatchOperation): void {
  const op = String(operation.op).toLowerCase()
  const value = operation.value ?? null
  const [, area = '', name = '', ...rest] = String(operation.path).split('/')
  if (op === 'test') test(draft, operation)
  else if (area === 'fields') changeField(world, draft, op, fieldName(world, name), value)
  else if (area === 'relations') changeRelation(draft, op, name, rest, value)
  else badRequest(`The path '${operation.path}' is not supported for the operation '${op}'.`)
}

function test(draft: Draft, { path, value }: PatchOperation): void {
  const actual = valueAt(draft, path)
  if (JSON.stringify(actual ?? null) === JSON.stringify(value ?? null)) return
  refuse(
    412,
    'TestPatchOperationFailedException',
    `VS403351: Test Operation for path ${path} failed, value ${actual ?? 'null'} was not equal to test value ${value ?? 'null'}.`,
  )
}

function valueAt(draft: Draft, path: string): Json {
  if (path === '/rev') return draft.rev
  if (path === '/id') return draft.id
  const name = /^\/fields\/(.+)$/.exec(path)?.[1]
  if (name !== undefined) return draft.fields[name] ?? null
  return badRequest(`The path '${path}' cannot be tested.`)
}

/** A field's name in the case that the service uses; names are compared without case. */
export function fieldName(world: World, given: string): string {
  const wanted = given.toLowerCase()
  const found = [...FIELDS, ...world.customFields].find((name) => name.toLowerCase() === wanted)
  return (
    found ??
    refuse(400, 'WorkItemTrackingFieldDefinitionNotFoundException', `TF51535: Cannot find field ${given}.`)
  )
}

function changeField(world: World, draft: Draft, op: string, name: string, value: Json): void {
  if (READ_ONLY_FIELDS.has(name))
    refuse(
      400,
      'RuleValidationException',
      `TF401320: Rule Error for field ${name}. Error code: ReadOnly, InvalidNotEmpty.`,
    )
  if (op === 'remove' || value === null || value === '') {
    delete draft.fields[name]
    return
  }
  if (op !== 'add' && op !== 'replace') badRequest(`The operation '${op}' is not supported.`)
  draft.fields[name] = normalized(world, name, value, op, draft)
}

function normalized(world: World, name: string, value: Json, op: string, draft: Draft): Json {
  if (name === 'System.Tags') {
    // `add` merges tags with those that are there; `replace` does not.
    const before = op === 'add' ? tagsOf(draft.fields[name]) : []
    return joinTags([...before, ...tagsOf(value)])
  }
  if (PERSON_FIELDS.has(name)) return personOf(world, value)
  if (DATE_FIELDS.has(name)) return dateOf(name, value)
  return value
}

/** The tags in the text of a field. */
export function tagsOf(value: Json | undefined): readonly string[] {
  return String(value ?? '')
    .split(';')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '')
}

function joinTags(tags: readonly string[]): string {
  const seen = new Map(tags.map((tag) => [tag.toLowerCase(), tag]))
  return [...seen.values()].sort((a, b) => a.localeCompare(b)).join('; ')
}

function personOf(world: World, value: Json): Json {
  const given =
    typeof value === 'object' ? String((value as Fields | null)?.['uniqueName'] ?? '') : String(value)
  const wanted = /<([^>]+)>\s*$/.exec(given)?.[1] ?? given
  const person = world.people.find(
    ({ displayName, uniqueName }) =>
      uniqueName.toLowerCase() === wanted.toLowerCase() || displayName.toLowerCase() === wanted.toLowerCase(),
  )
  if (person) return identityRef(world, person)
  return badRequest(
    `The identity value '${given}' for field 'Assigned To' is an unknown identity.`,
    'RuleValidationException',
  )
}

function dateOf(name: string, value: Json): string {
  const at = Date.parse(String(value))
  if (Number.isNaN(at))
    badRequest(`The value '${String(value)}' of the field ${name} is no date.`, 'RuleValidationException')
  return new Date(at).toISOString()
}

function changeRelation(draft: Draft, op: string, place: string, rest: readonly string[], value: Json): void {
  if (op === 'add' && place === '-') {
    addRelation(draft, value)
    return
  }
  const at = Number(place)
  const relation = draft.relations[at]
  if (!Number.isInteger(at) || relation === undefined)
    throw wrong(`The index ${place} is not a relation of the work item.`)
  if (op === 'remove') draft.relations.splice(at, 1)
  else if (rest[0] === 'attributes' && rest[1] !== undefined)
    relation.attributes = { ...relation.attributes, [rest[1]]: value }
  else throw wrong('Only the attributes of a relation can be replaced.')
}

function addRelation(draft: Draft, value: Json): void {
  const { rel, url, attributes } = (value ?? {}) as Fields
  if (typeof rel !== 'string' || typeof url !== 'string') throw wrong('A relation needs a rel and a url.')
  if (!RESOURCE_LINKS.has(rel) && REVERSE_LINKS[rel] === undefined)
    throw wrong(`Unrecognized link type ${rel}.`, 'WorkItemLinkTypeNotFoundException')
  if (rel === 'ArtifactLink' && typeof (attributes as Fields | undefined)?.['name'] !== 'string')
    throw wrong('The link type name for the resource link is missing.')
  const same = draft.relations.some(
    (known) => known.rel === rel && known.url.toLowerCase() === url.toLowerCase(),
  )
  if (same) throw wrong('Relation already exists.', 'WorkItemLinkAddExtantException')
  draft.relations.push({ rel, url, attributes: (attributes as Fields | undefined) ?? {} })
}

function wrong(message: string, typeKey = 'VssPropertyValidationException'): ServiceFailure {
  return new ServiceFailure(400, typeKey, message)
}
