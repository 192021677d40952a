/** Where messages go to or come from. `any` leaves it to the broker what it is, as with the address of a reply. */
export interface Destination {
  readonly kind: 'queue' | 'topic' | 'any'
  readonly address: string
}

/** For people: `queue "orders"`. */
export function nameOf({ kind, address }: Destination): string {
  return kind === 'any' ? `"${address}"` : `${kind} "${address}"`
}

/** What a broker wants before the names of queues and topics. */
export interface Prefixes {
  readonly queue: string
  readonly topic: string
}

/** Classic says its prefixes when a connection is opened, and takes a topic without one for a queue; Artemis has none. */
export function prefixesOf(properties: Readonly<Record<string, unknown>> | undefined): Prefixes {
  const said = (name: string): string => {
    const prefix = properties?.[name]
    return typeof prefix === 'string' ? prefix : ''
  }
  return { queue: said('queue-prefix'), topic: said('topic-prefix') }
}

/** As a link names it: Artemis takes what it is from the capabilities, Classic from the prefix. */
export function terminusOf(
  { kind, address }: Destination,
  prefixes: Prefixes,
  more: readonly string[] = [],
): object {
  if (kind === 'any') return { address }
  return { address: `${prefixes[kind]}${address}`, capabilities: [kind, ...more] }
}
