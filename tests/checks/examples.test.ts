import { describe, expect, it } from 'vitest'
import { markdownExamples, markOf, tsdocExamples } from '../../scripts/lib/examples.ts'

const markdown = `# Title

\`\`\`ts
const a = 1
\`\`\`

- in a list:
  \`\`\`ts title="x"
  const b = {
    c: 2,
  }
  \`\`\`

\`\`\`\`md
\`\`\`ts
const inside = 'another block'
\`\`\`
\`\`\`\`

\`\`\`sh
npm test
\`\`\`
`

const source = `/** One line. */
export const x = 1

/**
 * What it is for.
 *
 * \`\`\`ts
 * const notInAnExample = 1
 * \`\`\`
 *
 * @example
 * \`\`\`ts
 * @decorated
 * const d = 4
 * \`\`\`
 * and
 * \`\`\`ts
 * const e = 5
 * \`\`\`
 * @returns
 * \`\`\`ts
 * const f = 6
 * \`\`\`
 */
export const y = 2
`

describe('examples', () => {
  it('are the ts blocks of a Markdown text, with their lines', () => {
    expect(markdownExamples('a.md', markdown)).toEqual([
      { file: 'a.md', line: 4, code: ['const a = 1'] },
      { file: 'a.md', line: 9, code: ['const b = {', '  c: 2,', '}'] },
    ])
  })

  it('are the ts blocks below @example in TSDoc, with their lines', () => {
    expect(tsdocExamples('a.ts', source)).toEqual([
      { file: 'a.ts', line: 13, code: ['@decorated', 'const d = 4'] },
      { file: 'a.ts', line: 18, code: ['const e = 5'] },
    ])
  })

  it('may not stay open', () => {
    expect(() => markdownExamples('a.md', 'text\n```ts\nconst a = 1\n')).toThrow(
      'a.md:2: this block never ends',
    )
  })

  it('are left out only with a reason, and can have a name', () => {
    const mark = (first: string) => markOf({ file: 'a.md', line: 4, code: [first, 'const a = 1'] })
    expect(mark('// not checked: it shows an error')).toEqual({
      kind: 'skipped',
      reason: 'it shows an error',
    })
    expect(() => mark('// not checked')).toThrow('a.md:4: say why')
    expect(mark('// flows/orders.ts')).toEqual({ kind: 'named', name: 'flows/orders.ts' })
    expect(mark('// see orders.ts')).toEqual({ kind: 'checked' })
  })
})
