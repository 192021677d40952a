/** A message before it leaves. */
export interface Draft {
  readonly mark: string
  readonly exchange: string
  readonly routingKey: string
  readonly content: Buffer
  /** As the client library takes them. */
  readonly properties: Readonly<Record<string, unknown>> & { readonly messageId: string }
  /** How long it is held back before it goes to its exchange. */
  readonly delayMs: number | null
}
