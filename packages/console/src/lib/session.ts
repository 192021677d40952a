const KEY = 'linkspan.token'

/** What {@link takeToken} needs of a window. */
export interface Surroundings {
  readonly location: Pick<Location, 'hash' | 'pathname' | 'search'>
  readonly history: Pick<History, 'replaceState'>
  readonly localStorage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
}

/** The token that an address brings, or the one that was kept; the address does not show it any longer then. */
export function takeToken(world: Surroundings): string | null {
  const [, brought] = /^#token=([^&]+)$/.exec(world.location.hash) ?? []
  if (brought === undefined) return world.localStorage.getItem(KEY)
  world.history.replaceState(null, '', `${world.location.pathname}${world.location.search}#/`)
  return keepToken(decodeURIComponent(brought), world)
}

/** Keeps a token in this browser until {@link forgetToken}. */
export function keepToken(token: string, world: Pick<Surroundings, 'localStorage'>): string {
  world.localStorage.setItem(KEY, token)
  return token
}

/** Signs out. */
export function forgetToken(world: Pick<Surroundings, 'localStorage'>): void {
  world.localStorage.removeItem(KEY)
}
