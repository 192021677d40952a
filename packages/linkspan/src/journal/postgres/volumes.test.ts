import { describe, expect, it } from 'vitest'
import { createVolumes } from './volumes.ts'

/** Volumes on a database that answers what it is told to, with what it was asked and whether each answer is there. */
function volumesWith(...answers: readonly { readonly hi: number; readonly usable: boolean }[]) {
  const asked: string[] = []
  const left = [...answers]
  const ask = async (text: string, values: readonly unknown[] = []): Promise<readonly never[]> => {
    const name = /(\w+)_1\(/.exec(text)?.[1]
    asked.push(`${name} ${values.join(' ')}`.trim())
    await Promise.resolve()
    asked.push(`${name} is done`)
    return (name === 'add_volumes' ? [left.shift()] : []) as never[]
  }
  return { asked, volumes: createVolumes(ask, 's', 10, () => {}) }
}

describe('volumes', () => {
  it('are announced once they are there, and used once that is through', async () => {
    const { asked, volumes } = volumesWith({ hi: 21, usable: false })
    await volumes.cover(15)
    expect(asked).toEqual([
      'add_volumes 10 15 1',
      'add_volumes is done',
      'announce_volumes',
      'announce_volumes is done',
      'use_volumes 21',
      'use_volumes is done',
    ])
    await volumes.cover(20)
    expect(asked).toHaveLength(6)
  })

  it('are not announced again where others have done so', async () => {
    const { asked, volumes } = volumesWith({ hi: 31, usable: true })
    await volumes.coverAhead(3)
    expect(asked).toEqual(['add_volumes 10 0 3', 'add_volumes is done'])
  })
})
