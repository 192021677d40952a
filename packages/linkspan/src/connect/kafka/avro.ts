import type { KafkaFormat } from './format.ts'
import { registeredFormat, type SchemaCodec, type SchemaOptions } from './registered-format.ts'
import type { RegisteredSchema, Schemas } from './schemas.ts'
import { packages } from './spec.ts'

interface AvroType {
  fromBuffer(bytes: Buffer, resolver?: unknown): unknown
  toBuffer(value: unknown): Buffer
  createResolver(writer: AvroType): unknown
}

interface AvroLibrary {
  readonly Type: { forSchema(schema: unknown, options: object): AvroType }
  readonly types: {
    readonly LongType: { __with(methods: object): AvroType }
    readonly LogicalType: new (schema: unknown, options?: object) => object
  }
}

/** Options of {@link avro}. */
export interface AvroOptions extends SchemaOptions {
  /** Read what was written by another schema as this one has it, by Avro's rules of schema resolution. */
  readonly readAs?: string | object
}

/**
 * Avro, by a schema registry. What is read is data as JSON has it: bytes and fixed as base64, a long as a number, or as decimal
 * text past 2^53. A union whose branches cannot be told apart is an object with the branch's name.
 *
 * @example
 * ```ts
 * import { avro, kafka } from 'linkspan/kafka'
 * const events = kafka('events')
 * const orders = events.consume({ topic: 'orders', group: 'billing', format: avro<{ id: string }>() })
 * ```
 */
export function avro<T = unknown>(options: AvroOptions = {}): KafkaFormat<T> {
  return registeredFormat<T>({
    name: 'avro',
    type: 'AVRO',
    options,
    make: (schema, schemas) => codecOf<T>(schema, schemas, options.readAs),
  })
}

async function codecOf<T>(
  schema: RegisteredSchema,
  schemas: Schemas,
  readAs: string | object | undefined,
): Promise<SchemaCodec<T>> {
  const module = await schemas.library<{ default?: AvroLibrary } & AvroLibrary>(packages.avro)
  const library = module.default ?? module
  const options = typeOptions(library)
  await addReferences(library, schema, schemas, options)
  const type = library.Type.forSchema(marked(JSON.parse(schema.text)), options)
  const reader = readAs === undefined ? null : readerOf(library, readAs)
  const resolver = reader?.createResolver(type)
  return {
    decode: (payload) =>
      plain(reader === null ? type.fromBuffer(payload) : reader.fromBuffer(payload, resolver)) as T,
    encode: (value) => [type.toBuffer(value)],
  }
}

function readerOf(library: AvroLibrary, readAs: string | object): AvroType {
  const schema: unknown = typeof readAs === 'string' ? JSON.parse(readAs) : readAs
  return library.Type.forSchema(marked(schema), typeOptions(library))
}

/** Named types of schemas that this one refers to become known to it. */
async function addReferences(
  library: AvroLibrary,
  { references }: RegisteredSchema,
  schemas: Schemas,
  options: object,
): Promise<void> {
  for (const reference of references) {
    const schema = await schemas.referred(reference)
    await addReferences(library, schema, schemas, options)
    library.Type.forSchema(marked(JSON.parse(schema.text)), options)
  }
}

const BASE64 = 'linkspan-base64'

function typeOptions({ types }: AvroLibrary): object {
  class Base64Type extends types.LogicalType {
    _fromValue(bytes: Buffer): string {
      return bytes.toString('base64')
    }
    _toValue(text: unknown): Buffer | undefined {
      return typeof text === 'string' ? Buffer.from(text, 'base64') : undefined
    }
  }
  return { logicalTypes: { [BASE64]: Base64Type }, registry: { long: longType(types.LongType) } }
}

/** JavaScript's numbers are exact up to 2^53 only. */
function longType(LongType: AvroLibrary['types']['LongType']): AvroType {
  const isLong = (value: unknown): value is number | string =>
    typeof value === 'string'
      ? /^-?\d{1,19}$/.test(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value)
      : Number.isSafeInteger(value)
  return LongType.__with({
    fromBuffer: (bytes: Buffer) => exact(bytes.readBigInt64LE()),
    toBuffer: (value: number | string) => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64LE(BigInt(value))
      return bytes
    },
    fromJSON: (value: number | string) => exact(BigInt(value)),
    toJSON: (value: unknown) => value,
    isValid: isLong,
    compare: (a: number | string, b: number | string) => Number(BigInt(a) - BigInt(b)),
  })
}

function exact(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

/** The schema with its bytes marked, so that they are read and written as base64. */
function marked(schema: unknown): unknown {
  if (schema === 'bytes') return { type: 'bytes', logicalType: BASE64 }
  if (Array.isArray(schema)) return schema.map(marked)
  if (typeof schema !== 'object' || schema === null) return schema
  const { type, fields, items, values } = schema as Readonly<Record<string, unknown>>
  if (type === 'bytes' || type === 'fixed') return { ...schema, logicalType: BASE64 }
  const inner = typeof type === 'object' ? { type: marked(type) } : {}
  return {
    ...schema,
    ...inner,
    ...(Array.isArray(fields) ? { fields: fields.map(markedField) } : {}),
    ...(items === undefined ? {} : { items: marked(items) }),
    ...(values === undefined ? {} : { values: marked(values) }),
  }
}

function markedField(field: unknown): unknown {
  return { ...(field as object), type: marked((field as { type: unknown }).type) }
}

/** Records are instances of classes that the library made. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
}
