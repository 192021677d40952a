import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { PatternExample } from './pattern-example.ts'

const folder = new URL('../', import.meta.url)

/** All examples by the name of their file, which is that of the pattern's page. */
export const examples: ReadonlyMap<string, PatternExample> = new Map(await Promise.all(slugs().map(load)))

function slugs(): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /^[a-z-]+\.ts$/.test(name))
    .map((name) => name.slice(0, -'.ts'.length))
    .sort()
}

async function load(slug: string): Promise<readonly [string, PatternExample]> {
  const file = fileURLToPath(new URL(`${slug}.ts`, folder))
  const { example } = (await import(file)) as { readonly example?: PatternExample }
  if (example === undefined) throw new Error(`examples/patterns/${slug}.ts exports no "example".`)
  return [slug, example]
}
