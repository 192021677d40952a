type Parse = (text: string) => unknown

const asItIs: Parse = (text) => text
const yesOrNo: Parse = (text) => text === 't'
const json: Parse = (text) => JSON.parse(text)

/** A time as PostgreSQL writes it (`2026-11-21 21:53:18.123456+00`), in ISO 8601 and full precision. */
const time: Parse = (text) => {
  const parts = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-][\d:]+)?$/.exec(text)
  if (parts === null) return text
  const [, date, clock, zone = ''] = parts
  const offset = zone.length === 3 ? `${zone}:00` : zone
  return `${date}T${clock}${zone === '+00' ? 'Z' : offset}`
}

const ELEMENT = /(?:"((?:[^"\\]|\\.)*)"|([^",{}]+))(?:,|\}$)/gs

/** A list of one dimension; one of more, or with bounds of its own, stays text. */
const list = (parse: Parse): Parse => {
  return (text) => {
    if (text === '{}') return []
    if (!/^\{[^{]/.test(text)) return text
    return [...text.slice(1).matchAll(ELEMENT)].map(([, quoted, bare]) => {
      if (quoted !== undefined) return parse(quoted.replace(/\\(.)/gs, '$1'))
      return bare === 'NULL' ? null : parse(bare as string)
    })
  }
}

/**
 * Readers of values by the number of their type (`pg_type.oid`). What JSON has no exact form for stays text: `bigint`,
 * `numeric`, `date`, `interval`.
 */
const PARSERS: Readonly<Record<number, Parse>> = {
  16: yesOrNo,
  17: (text) => Buffer.from(text.slice(2), 'hex'),
  21: Number,
  23: Number,
  26: Number,
  114: json,
  199: list(json),
  700: Number,
  701: Number,
  1000: list(yesOrNo),
  1005: list(Number),
  1007: list(Number),
  1009: list(asItIs),
  1015: list(asItIs),
  1016: list(asItIs),
  1021: list(Number),
  1022: list(Number),
  1114: time,
  1115: list(time),
  1182: list(asItIs),
  1184: time,
  1185: list(time),
  1231: list(asItIs),
  2951: list(asItIs),
  3802: json,
  3807: list(json),
}

/** How a value of a type is read. */
export function postgresParser(oid: number): Parse {
  return PARSERS[oid] ?? asItIs
}
