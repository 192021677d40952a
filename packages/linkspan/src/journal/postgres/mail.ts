import type { Names } from './names.ts'

/** What others handed over to this engine, as it learns of it. */
export interface Mail {
  /** The highest place that was told. Places rise, so what was handed over at or below it was told as well. */
  readonly known: number
  /** Takes what the database answered, and tells what is new. */
  take(found: string | null): Promise<void>
}

/** `listener` answers who is told, for each flow, the highest place that was handed over; null: nobody yet. */
export function createMail(
  names: Pick<Names, 'learn' | 'nameOf'>,
  listener: () => ((places: ReadonlyMap<string, number>) => void) | null,
): Mail {
  let known = 0
  return {
    get known() {
      return known
    },
    take: async (found) => {
      if (found === null || listener() === null) return
      const rows = JSON.parse(found) as readonly (readonly [code: number, place: number])[]
      await names.learn(rows.map(([code]) => code))
      const places = new Map<string, number>()
      for (const [code, place] of rows) {
        const name = names.nameOf(code)
        // A name that is missing is damage, which reading the messages of that flow reports.
        if (name !== undefined) places.set(name, place)
      }
      known = Math.max(known, ...rows.map(([, place]) => place))
      listener()?.(places)
    },
  }
}
