import { deepEqual, equal } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Film {
  readonly id: string
}

const studio = httpConnection('studio')
const encode = studio.post({
  name: 'encode',
  path: '/encodings',
  body: (film: Film) => film,
  guarantee: { kind: 'key', validFor: '7d' },
})

const films = channel<Film>('films')

export const upload = flow('upload').from(inbox<Film>()).publish('uploaded', films)

// Eight at once in each engine. A film without a key waits for no other.
export const encodeFilms = flow('encode films', { concurrency: 8 })
  .from(films)
  .to('encode', encode, { timeout: '10m' })

export const example = patternExample({
  flows: [upload, encodeFilms],
  input: ({ send }) => {
    send({ id: 'a' })
    send({ id: 'b' })
    send({ id: 'c' })
  },
  outcome: async (flows) => {
    const encoded = (flows.applied('studio.encode') as Film[]).map(({ id }) => id)
    deepEqual(encoded.sort(), ['a', 'b', 'c'])

    // One takes a minute; those behind it do not wait.
    flows.fake('studio.encode').next({ late: '1m' })
    await flows.send({ id: 'long' })
    await flows.send({ id: 'short' })
    await flows.advance('1s')
    equal((flows.applied('studio.encode').at(-1) as Film).id, 'short')
  },
})
