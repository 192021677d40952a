import { inspect } from 'node:util'

/** A secret too short to be told from other texts is not looked for. */
const SHORTEST = 4

/**
 * Looks for secrets in whatever may be printed or stored: messages, fields, causes, what hangs on an error. Answers where one
 * was found, with it hidden, or null. It is looked for as it is, in a URL, in Base64 and as JSON writes it.
 */
export function findSecret(shown: readonly unknown[], secrets: readonly string[]): string | null {
  const wanted = secrets.filter(({ length }) => length >= SHORTEST).flatMap(formsOf)
  for (const each of shown) {
    const text = textOf(each)
    const found = wanted.find((secret) => text.includes(secret))
    if (found !== undefined) return around(text, found)
  }
  return null
}

function formsOf(secret: string): readonly string[] {
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '')
  return [secret, encodeURIComponent(secret), base64, JSON.stringify(secret).slice(1, -1)]
}

/** Everything that can be reached, as the console would print it and as JSON. */
function textOf(value: unknown): string {
  const printed = inspect(value, {
    depth: 12,
    maxStringLength: null,
    maxArrayLength: 1_000,
    breakLength: 200,
  })
  return `${printed}\n${jsonOf(value)}`
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return ''
  }
}

const AROUND = 80

function around(text: string, secret: string): string {
  const at = text.indexOf(secret)
  const before = text.slice(Math.max(0, at - AROUND), at)
  return `…${before}<the secret>${text.slice(at + secret.length, at + secret.length + AROUND)}…`
}
