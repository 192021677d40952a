/**
 * Paths of steps in repeated scopes. A step has one path in its flow, and one place per turn in the record: the turn
 * stands behind the repeating step, as in `tries//2/send`. No name is empty, so a place cannot be taken for a path.
 */
const TURN = /\/\/\d+/g
const TURN_AT_END = /\/\/\d+$/

/** The place of a step's scope in one of its turns, from 1 up. */
export function turnPlace(place: string, turn: number): string {
  return `${place}//${turn}`
}

/** The turns that a place is in, the outermost first: where the paths that begin with `within` are in the record. */
export function turnsAt(place: string): readonly { readonly within: string; readonly place: string }[] {
  return [...place.matchAll(TURN)].map((match) => {
    const inTurn = place.slice(0, match.index + match[0].length)
    return { within: `${pathAt(inTurn)}/`, place: `${inTurn}/` }
  })
}

/** The path of the step at a place. */
export function pathAt(place: string): string {
  return place.includes('//') ? place.replace(TURN, '') : place
}

/** The place of the step that put something on record at a place: a step that does so again and again counts its turns. */
export function stepPlace(place: string): string {
  return place.replace(TURN_AT_END, '')
}

/** Whether a path or place is that of a step or of something within it; all are within the path of the flow itself, `''`. */
export function isWithin(path: string, scope: string): boolean {
  return scope === '' || path === scope || path.startsWith(`${scope}/`)
}

/** A place under the present paths of a flow's steps; undefined when nothing of it was renamed. */
export function renamedPlace(place: string, paths: ReadonlyMap<string, string>): string | undefined {
  const present = presentPath(pathAt(place), paths)
  if (present === undefined || !place.includes('//')) return present
  const turns = place.split(/(?<!\/)\/(?!\/)/).map((segment) => TURN_AT_END.exec(segment)?.[0] ?? '')
  return present
    .split('/')
    .map((name, depth) => `${name}${turns[depth] ?? ''}`)
    .join('/')
}

/** What a step does besides its own steps is named under it: its path follows the step's. */
function presentPath(path: string, paths: ReadonlyMap<string, string>): string | undefined {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const present = paths.get(path.slice(0, end))
    if (present !== undefined) return present + path.slice(end)
  }
  return undefined
}
