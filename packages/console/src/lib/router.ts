import { useSyncExternalStore } from 'react'

/** Where one is: the parts of the path behind the `#`, decoded, and the query. */
export interface Place {
  readonly parts: readonly string[]
  readonly query: URLSearchParams
}

/** A place as the text behind the `#`. */
export function hrefOf(parts: readonly string[], query: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== '')
  const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`
  return `#/${parts.map(encodeURIComponent).join('/')}${search}`
}

/** Reads what {@link hrefOf} wrote; what is no escape stays as it is. */
export function placeOf(hash: string): Place {
  const [path = '', search = ''] = split(hash.replace(/^#?\/?/, ''))
  return {
    parts: path
      .split('/')
      .filter((part) => part !== '')
      .map(decoded),
    query: new URLSearchParams(search),
  }
}

function split(text: string): readonly [string, string] {
  const at = text.indexOf('?')
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Goes to a place. */
export function go(href: string): void {
  window.location.hash = href
}

function listen(changed: () => void): () => void {
  window.addEventListener('hashchange', changed)
  return () => window.removeEventListener('hashchange', changed)
}

/** The place that the address names, as it changes. */
export function usePlace(): Place {
  return placeOf(useSyncExternalStore(listen, () => window.location.hash))
}
