const HIDDEN = '[redacted]'
const SHORTEST = 4

/** What looks like a credential in any text: authorization values, and values of telling names. */
const SCHEME = /\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi
const NAMED =
  /([\w-]*(?:password|passwd|secret|token|api[_-]?key|authorization|signature)["']?\s*[:=]\s*["']?)[^\s"'&,;}<>]+/gi

/** A function that takes known secrets, and what looks like one, out of a text. Known ones under four characters are not looked for. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const known = secretForms(secrets)
  return (text) => {
    const without = known.reduce((rest, secret) => rest.replaceAll(secret, HIDDEN), text)
    return without.replace(SCHEME, `$1 ${HIDDEN}`).replace(NAMED, `$1${HIDDEN}`)
  }
}

/** A redactor that learns of further secrets; of those it knows the latest. */
export interface LearningRedactor {
  redact(text: string): string
  learn(secret: string): void
}

const LATEST = 8

/** Makes a redactor of some secrets that may learn of more. */
export function learningRedactor(secrets: readonly string[]): LearningRedactor {
  let learned: readonly string[] = []
  let present = redactor(secrets)
  return {
    redact: (text) => present(text),
    learn(secret) {
      learned = [...learned, secret].slice(-LATEST)
      present = redactor([...secrets, ...learned])
    },
  }
}

function secretForms(secrets: readonly string[]): string[] {
  const forms = secrets
    .filter((secret) => secret.length >= SHORTEST)
    .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
  return [...new Set(forms)].sort((a, b) => b.length - a.length)
}
