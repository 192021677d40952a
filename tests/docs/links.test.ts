import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesBelow, root } from '../../scripts/lib/files.ts'

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'packages/linkspan/README.md',
  'packages/create-linkspan/README.md',
  ...filesBelow(join(root, 'docs'), (path) => path.endsWith('.md')).map((path) => `docs/${path}`),
]

const read = (page: string): string => readFileSync(join(root, page), 'utf8')

/** Relative targets of links and images, outside code. */
function links(text: string): readonly string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target as string)
    .filter((target) => !/^[a-z]+:/.test(target))
}

function anchors(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  )
}

describe.each(pages)('%s', (page) => {
  it.each(links(read(page)))('leads to %s', (target) => {
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? page : join(dirname(page), path)
    expect(existsSync(join(root, file)), file).toBe(true)
    if (anchor !== undefined) expect(anchors(read(file))).toContain(anchor)
  })

  it('names files of the repository that are there', () => {
    const named = [
      ...read(page).matchAll(/`((?:packages|tests|scripts|bench|examples|docs)\/[\w./-]+\.\w+)`/g),
    ]
    for (const [, file = ''] of named) expect(existsSync(join(root, file)), file).toBe(true)
  })

  it('names files of the library that are there', () => {
    const rooms = 'model|flow|patterns|runtime|journal|connect|serve|observe|testing|cli|engine'
    const named = [...read(page).matchAll(new RegExp(`\`((?:${rooms})/[\\w./-]+\\.ts)\``, 'g'))]
    for (const [, file = ''] of named) {
      const path = join(root, 'packages/linkspan/src', file)
      expect(existsSync(path), file).toBe(true)
    }
  })
})
