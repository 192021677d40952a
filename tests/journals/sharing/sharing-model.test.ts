import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FLOWS, type Seen } from './model-engine.ts'
import { type Action, play } from './model-world.ts'

const who = fc.nat(3)
const pick = fc.nat(5)
const some = <T extends string>(...names: T[]) => fc.record({ do: fc.constantFrom(...names), who })
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('join' as const), skewMs: fc.constantFrom(0, 9e7, -6e8) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('accept' as const),
      who,
      flow: fc.constantFrom(...FLOWS),
      key: fc.constantFrom('a', 'b', 'c', null),
    }),
  },
  { weight: 16, arbitrary: fc.record({ do: fc.constant('start' as const), who, pick }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('finish' as const, 'suspend' as const), who, pick }),
  },
  { weight: 12, arbitrary: some('read') },
  { weight: 6, arbitrary: some('recover', 'give') },
  { weight: 1, arbitrary: some('crash', 'close') },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('pause' as const),
      who,
      within: fc.constantFrom('nothing' as const, 'asking' as const, 'answering' as const),
    }),
  },
  { weight: 3, arbitrary: some('wake') },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(30, 2100, 6000, 11_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      fate: fc.constantFrom('lost-before', 'lost-after', 'unreachable-before', 'unreachable-after', 'full'),
    }),
  },
)

const RUNS = Number(process.env['SHARING_RUNS'] ?? 300)
const SEED = process.env['SHARING_SEED']
const seed = SEED === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(SEED)

test(`engines on a shared journal keep its invariants, whatever they do (SHARING_SEED=${seed})`, {
  timeout: 120_000 + RUNS * 100,
}, async () => {
  const seen: Seen = {
    accepted: 0,
    handedOver: 0,
    behind: 0,
    takenOver: 0,
    refused: 0,
    recovered: 0,
    given: 0,
    started: 0,
    ended: 0,
    lostAnswers: 0,
  }
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 150, size: 'max' }), (actions) =>
      play([{ do: 'join', skewMs: 0 }, { do: 'join', skewMs: 0 }, ...actions], seen),
    ),
    { numRuns: RUNS, seed },
  )
  console.log(`sharing model, seed ${seed}: ${RUNS} runs`, seen)
  for (const [what, count] of Object.entries(seen)) expect(count, `runs with ${what}`).toBeGreaterThan(0)
})
