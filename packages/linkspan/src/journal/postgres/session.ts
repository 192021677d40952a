import type { Row } from './client.ts'
import type { Link } from './link.ts'
import type { Ask } from './schema.ts'

/** Asks on one connection of a link and no other: for a transaction of several statements. */
export async function sessionOf(link: Link): Promise<Ask> {
  const client = await link.client()
  return async (text, values = []) => {
    const { rows } = await client.query({ text, values, queryMode: 'extended' })
    return rows as readonly Row[] as Awaited<ReturnType<Ask>>
  }
}

/** Asks on a link, on whichever connection it has. */
export function askOn(link: Pick<Link, 'ask'>): Ask {
  return async (text, values = []) => (await link.ask({ text, values })) as Awaited<ReturnType<Ask>>
}
