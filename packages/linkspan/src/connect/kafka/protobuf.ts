import { LinkspanError } from '../../model/errors.ts'
import { type KafkaFormat, Undecodable } from './format.ts'
import { registeredFormat, type SchemaCodec, type SchemaOptions } from './registered-format.ts'
import type { RegisteredSchema, Schemas } from './schemas.ts'
import { packages } from './spec.ts'
import { readIndexes, writeIndexes } from './wire-format.ts'

interface ProtobufType {
  readonly name: string
  readonly fullName: string
  readonly nestedArray: readonly object[]
  readonly fields: Readonly<Record<string, ProtobufField>>
  fromObject(value: object): object
  encode(message: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): object
  toObject(message: object, options: object): object
}

interface ProtobufField {
  /** Of a field that holds messages; an enum has no fields. */
  readonly resolvedType: { readonly fields?: Readonly<Record<string, ProtobufField>> } | null
  readonly repeated: boolean
  /** Present for a map: the type of its keys. */
  readonly keyType?: string
}

interface ProtobufRoot {
  readonly nestedArray: readonly object[]
  lookup(path: string): { readonly nestedArray: readonly object[] } | null
  addJSON(nested: object): unknown
  resolveAll(): unknown
}

interface ProtobufLibrary {
  readonly Root: new () => ProtobufRoot
  readonly Type: abstract new () => object
  parse(
    text: string,
    root: ProtobufRoot,
    options: object,
  ): { readonly package?: string | null; readonly imports?: readonly string[] | null }
  readonly common: { get(file: string): { readonly nested?: object } | null }
}

/** Options of {@link protobuf}. */
export interface ProtobufOptions extends SchemaOptions {
  /** Which message of the schema is written: `Order`, or `Order.Line` for one that lies in another. @default the first */
  readonly message?: string
}

/**
 * Protobuf, by a schema registry. What is read is data as JSON has it: 64-bit numbers as decimal text, bytes as base64, enums
 * by name, and fields that are not there with their defaults.
 *
 * @example
 * ```ts
 * import { kafka, protobuf } from 'linkspan/kafka'
 * const events = kafka('events')
 * const orders = events.consume({ topic: 'orders', group: 'billing', format: protobuf<{ id: string }>() })
 * ```
 */
export function protobuf<T = unknown>(options: ProtobufOptions = {}): KafkaFormat<T> {
  return registeredFormat<T>({
    name: 'protobuf',
    type: 'PROTOBUF',
    options,
    make: (schema, schemas) => codecOf<T>(schema, schemas, options.message),
  })
}

const AS_JSON = {
  longs: String,
  enums: String,
  bytes: String,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: false,
}

async function codecOf<T>(
  schema: RegisteredSchema,
  schemas: Schemas,
  message: string | undefined,
): Promise<SchemaCodec<T>> {
  const { library, messages } = await fileOf(schema, schemas)
  const isMessage = (each: object): each is ProtobufType => each instanceof library.Type
  return {
    decode(payload) {
      const { indexes, payload: bytes } = readIndexes(payload)
      const type = at(messages, indexes, isMessage)
      if (type === null) throw new Undecodable(`schema ${schema.id} has no message ${indexes.join('.')}`)
      return type.toObject(type.decode(bytes), AS_JSON) as T
    },
    encode(value) {
      const { type, indexes } = named(messages, message, isMessage)
      if (typeof value !== 'object' || value === null) throw new Error(`${type.name}: it is no object`)
      refuseStrangers(type.fields, value, type.name)
      return [writeIndexes(indexes), type.encode(type.fromObject(value)).finish()]
    },
  }
}

/** The messages of a file, in its order; those that it imports are known to it. */
async function fileOf(
  schema: RegisteredSchema,
  schemas: Schemas,
): Promise<{ readonly library: ProtobufLibrary; readonly messages: readonly ProtobufType[] }> {
  const module = await schemas.library<{ default?: ProtobufLibrary } & ProtobufLibrary>(packages.protobuf)
  const library = module.default ?? module
  const root = new library.Root()
  const parsed = library.parse(schema.text, root, { keepCase: true })
  const space = parsed.package ? root.lookup(parsed.package) : root
  const messages = (space?.nestedArray ?? []).filter((each) => each instanceof library.Type) as ProtobufType[]
  await addImports({ library, root, schemas }, parsed.imports ?? [], schema)
  root.resolveAll()
  return { library, messages }
}

interface Importing {
  readonly library: ProtobufLibrary
  readonly root: ProtobufRoot
  readonly schemas: Schemas
}

async function addImports(
  importing: Importing,
  imports: readonly string[],
  { references, id }: RegisteredSchema,
): Promise<void> {
  const { library, root, schemas } = importing
  for (const file of imports) {
    const reference = references.find(({ name }) => name === file)
    const common = library.common.get(file)
    if (reference !== undefined) {
      const schema = await schemas.referred(reference)
      const parsed = library.parse(schema.text, root, { keepCase: true })
      await addImports(importing, parsed.imports ?? [], schema)
    } else if (common?.nested !== undefined) root.addJSON(common.nested)
    else throw new Undecodable(`schema ${id} imports "${file}", which it does not refer to`)
  }
}

type IsMessage = (each: object) => each is ProtobufType

function at(
  messages: readonly ProtobufType[],
  indexes: readonly number[],
  isMessage: IsMessage,
): ProtobufType | null {
  const [first = 0, ...rest] = indexes
  const type = messages[first]
  if (type === undefined) return null
  return rest.length === 0 ? type : at(type.nestedArray.filter(isMessage), rest, isMessage)
}

/** A message by its name, and the way to it. */
function named(
  messages: readonly ProtobufType[],
  name: string | undefined,
  isMessage: IsMessage,
): { readonly type: ProtobufType; readonly indexes: readonly number[] } {
  const [first, ...rest] = name === undefined ? [messages[0]?.name] : name.split('.')
  const index = messages.findIndex((each) => each.name === first)
  const type = messages[index]
  if (type === undefined) throw noMessage(name, messages)
  if (rest.length === 0) return { type, indexes: [index] }
  const inner = named(type.nestedArray.filter(isMessage), rest.join('.'), isMessage)
  return { type: inner.type, indexes: [index, ...inner.indexes] }
}

function noMessage(name: string | undefined, messages: readonly ProtobufType[]): LinkspanError {
  return new LinkspanError(
    'CALL_REJECTED',
    `Kafka: the schema has no message "${name ?? ''}"; it has ${messages.map((each) => each.name).join(', ') || 'none'}. Name one of them as \`message\`.`,
    { retry: 'never', applied: 'no' },
  )
}

/** A name that the schema does not have would be left out without a word. */
function refuseStrangers(fields: ProtobufType['fields'], value: object, path: string): void {
  for (const [name, given] of Object.entries(value)) {
    const field = fields[name]
    if (field === undefined) throw new Error(`${path} has no field "${name}"`)
    const inner = field.resolvedType?.fields
    if (inner === undefined || typeof given !== 'object' || given === null) continue
    const many = field.repeated || field.keyType !== undefined
    const parts: readonly unknown[] = many ? Object.values(given) : [given]
    for (const part of parts)
      if (typeof part === 'object' && part !== null) refuseStrangers(inner, part, `${path}.${name}`)
  }
}
