import { expect, it } from 'vitest'
import { forgetToken, type Surroundings, takeToken } from './session.ts'

function world(hash: string, kept: string | null = null): Surroundings & { shown: string } {
  const store = new Map(kept === null ? [] : [['linkspan.token', kept]])
  const made = {
    shown: hash,
    location: { hash, pathname: '/hub/_linkspan/console/', search: '' },
    history: {
      replaceState: (_data: unknown, _unused: string, url?: string | URL | null) => {
        made.shown = String(url)
      },
    },
    localStorage: {
      getItem: (name: string) => store.get(name) ?? null,
      setItem: (name: string, value: string) => void store.set(name, value),
      removeItem: (name: string) => void store.delete(name),
    },
  }
  return made
}

it('takes the token out of the address, and keeps it', () => {
  const browser = world('#token=a%20b')
  expect(takeToken(browser)).toBe('a b')
  expect(browser.shown).toBe('/hub/_linkspan/console/#/')
  expect(takeToken({ ...browser, location: world('#/messages').location })).toBe('a b')
})

it('leaves the address alone that brings none', () => {
  const browser = world('#/messages/3f-abc', 'old')
  expect(takeToken(browser)).toBe('old')
  expect(browser.shown).toBe('#/messages/3f-abc')
})

it('has none after it was forgotten', () => {
  const browser = world('#/', 'old')
  forgetToken(browser)
  expect(takeToken(browser)).toBeNull()
})
