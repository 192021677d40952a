/** The message that every participant accepts: 1,024 bytes of JSON. */
export type Order = {
  readonly id: string
  readonly at: number
  readonly customer: { readonly name: string; readonly email: string; readonly city: string }
  readonly currency: string
  readonly lines: readonly OrderLine[]
  readonly note: string
}

export type OrderLine = {
  readonly sku: string
  readonly title: string
  readonly quantity: number
  readonly price: number
}

/** What every participant delivers: `id` and `at` go through unchanged, the sink measures by them. */
export type Shipment = {
  readonly id: string
  readonly at: number
  readonly to: string
  readonly currency: string
  readonly total: number
  readonly items: readonly { readonly sku: string; readonly label: string; readonly quantity: number }[]
  readonly note: string
}

/** The one transformation of the benchmark; self-contained, as low-code peers are given its source text. */
export const transform = (order: Order): Shipment => {
  let total = 0
  const items = order.lines.map((line) => {
    total += line.quantity * line.price
    return { sku: line.sku, label: `${line.quantity} x ${line.title.toUpperCase()}`, quantity: line.quantity }
  })
  return {
    id: order.id,
    at: order.at,
    to: `${order.customer.name}, ${order.customer.city}`,
    currency: order.currency,
    total: Math.round(total * 100) / 100,
    items,
    note: order.note.trim(),
  }
}
