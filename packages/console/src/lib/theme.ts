import { useCallback, useState } from 'react'

type Theme = 'light' | 'dark'

const KEY = 'linkspan.theme'

function present(): Theme {
  const kept = localStorage.getItem(KEY)
  if (kept === 'light' || kept === 'dark') return kept
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
}

/** Shows the page in what was chosen here before, or else in what the system prefers. */
export function applyTheme(theme: Theme = present()): void {
  document.documentElement.dataset['theme'] = theme
}

/** The theme, and how to change to the other. */
export function useTheme(): readonly [Theme, () => void] {
  const [theme, setTheme] = useState(present)
  const toggle = useCallback(() => {
    const next = present() === 'dark' ? 'light' : 'dark'
    localStorage.setItem(KEY, next)
    applyTheme(next)
    setTheme(next)
  }, [])
  return [theme, toggle]
}
