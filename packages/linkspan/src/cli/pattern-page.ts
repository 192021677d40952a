import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CliDependencies } from './dependencies.ts'
import { unreachable } from './failure.ts'

/** Reads the page of a pattern: from the documentation of a checkout, or from where the build puts it in the package. */
export async function patternPage(
  { folder, checkout }: CliDependencies['self'],
  slug: string,
): Promise<string> {
  const pages = checkout
    ? join(folder, '..', '..', 'docs', 'patterns')
    : join(folder, 'dist', 'pages', 'patterns')
  const file = join(pages, `${slug}.md`)
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw unreachable(`${file} cannot be read. Install linkspan again.`, error)
  }
}
