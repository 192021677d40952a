import { expect, it } from 'vitest'
import { markdownLines } from './markdown-view.ts'

const look = { style: (_tone: string, text: string) => text, width: 30 }

const page = `<!-- generated: head -->

# Wire Tap

[Management](README.md#x). A copy on the side, with \`code [not](a link)\` and *words*
over two lines of **source**.

<!-- /generated: head -->

![drawing](x.svg)

<!-- in the terminal
flow
└─ tap
-->

- first
- second item, long enough to be broken

\`\`\`ts
const x = [1]
  // kept | as it is
\`\`\`

| | |
|---|---|
| Camel | \`wireTap\` |
| Spring Integration | none |
`

it('lays out what our pages are made of', () => {
  expect(markdownLines(page, look).join('\n')).toBe(
    `Wire Tap

Management. A copy on the
side, with \`code [not](a
link)\` and words over two
lines of source.

    flow
    └─ tap

- first
- second item, long enough to
  be broken

    const x = [1]
      // kept | as it is

Camel               \`wireTap\`
Spring Integration  none`,
  )
})

it('leaves a word alone that is wider than the line', () => {
  const word = 'x'.repeat(40)
  expect(markdownLines(`a ${word} b`, look)).toEqual(['a', word, 'b'])
})

it('keeps a pipe in a cell, and breaks a long last one below itself', () => {
  const table = `| option | |
|---|---|
| \`a \\| b\` | one word after the other, as long as it takes |`
  expect(markdownLines(table, look)).toEqual([
    'option',
    '`a | b`  one word after the other, as long as it',
    '         takes',
  ])
})
