/** A value that is looked up when the engine starts: `env('PORT')`, `secret('TOKEN')`. */
export interface Reference {
  readonly kind: 'env' | 'secret'
  readonly name: string
  readonly fallback?: string
}

const BRAND = 'linkspan.reference'

/** A reference as data, marked so that a configuration that happens to look like one is not taken for it. */
interface MarkedReference extends Reference {
  readonly brand: typeof BRAND
}

/** Marks a reference as one. */
export function markedReference(reference: Reference): Reference {
  const made: MarkedReference = { ...reference, brand: BRAND }
  return made
}

/** Whether a value is a reference made by `env()` or `secret()`. */
export function isReference(value: unknown): value is Reference {
  return typeof value === 'object' && value !== null && (value as Partial<MarkedReference>).brand === BRAND
}
