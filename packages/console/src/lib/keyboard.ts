import { useEffect } from 'react'

/** What keys do. */
export interface KeyActions {
  readonly palette: () => void
  readonly help: () => void
  readonly goTo: (place: string) => void
}

/** The places of `g` and a letter. */
export const PLACES: Readonly<Record<string, readonly [place: string, name: string]>> = {
  o: ['#/', 'Overview'],
  a: ['#/attention', 'Attention'],
  m: ['#/messages', 'Messages'],
}

/** Listens to the keys of the whole page, but where somebody writes. */
export function useKeys(actions: KeyActions): void {
  useEffect(() => {
    let before = ''
    const onKey = (event: KeyboardEvent): void => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        actions.palette()
        return
      }
      if (event.metaKey || event.ctrlKey || event.altKey || isWriting(event.target)) return
      const first = before
      before = event.key
      if (first === 'g' && PLACES[event.key] !== undefined) actions.goTo(PLACES[event.key]?.[0] ?? '#/')
      else if (event.key === '?') actions.help()
      else if (event.key === '/') focusSearch(event)
      else if (event.key === 'j') moveFocus(1)
      else if (event.key === 'k') moveFocus(-1)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [actions])
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  )
}

function focusSearch(event: KeyboardEvent): void {
  const field = document.querySelector<HTMLInputElement>('[data-search]')
  if (field === null) return
  event.preventDefault()
  field.focus()
  field.select()
}

/** The next or the last of what the page lists. */
function moveFocus(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')]
  const at = rows.indexOf(document.activeElement as HTMLElement)
  const next =
    rows[at === -1 ? (by === 1 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
}
