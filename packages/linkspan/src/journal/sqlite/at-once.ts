/** The calls of a reader of the interface, answered when they return. */
export type AtOnce<Reader> = {
  readonly [Name in keyof Reader]: Reader[Name] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Result
    : never
}
