import { execPath } from 'node:process'
import { expect, it } from 'vitest'
import { type Camel, startCamel } from './camel.ts'
import type { Case } from './case.ts'

const one: Case = { id: 'a case', pattern: 'any', steps: [], messages: [], ticks: 4, ordered: true }

/** Something that speaks as the program does; `answer` is a function of the request, as text. */
const speaking = (answer: string): Promise<Camel> =>
  startCamel({
    command: execPath,
    args: [
      '-e',
      `const answer = ${answer}
       console.log(JSON.stringify({ camel: '1.2', java: '3' }))
       require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
         const request = JSON.parse(line)
         console.log(JSON.stringify({ id: request.id, seen: [], ends: [], ...answer(request) }))
       })`,
    ],
  })

it('asks, also several at once, and says which Camel it is', async () => {
  const camel = await speaking('({ pattern }) => ({ ends: [pattern] })')
  expect(camel.versions).toEqual({ camel: '1.2', java: '3' })
  const asked = ['x', 'y'].map((pattern) => camel.run({ ...one, pattern }))
  expect(await Promise.all(asked)).toEqual([
    { seen: [], ends: ['x'] },
    { seen: [], ends: ['y'] },
  ])
  await camel.stop()
})

it('runs a case with longer ticks when the machine was late, and gives up at last', async () => {
  const camel = await speaking('({ tickMs }) => ({ ends: [tickMs], lateMs: tickMs < 1000 ? 200 : 0 })')
  expect(await camel.run(one)).toEqual({ seen: [], ends: [1_600] })
  expect(camel.again).toBe(2)
  expect(await camel.runSlowly(one)).toEqual({ seen: [], ends: [3_200] })
  await camel.stop()
  const late = await speaking('({ tickMs }) => ({ lateMs: tickMs })')
  expect(await late.run(one)).toBeNull()
  await late.stop()
})

it('rejects what could not be run', async () => {
  const failing = await speaking("() => ({ error: 'no such step' })")
  await expect(failing.run(one)).rejects.toThrow('Camel could not run a case: no such step')
  await failing.stop()
})

it('rejects what is open when the process ends, and a process that never began', async () => {
  const ending = await speaking('() => process.exit(3)')
  await expect(ending.run(one)).rejects.toThrow("Camel's process ended with 3.")
  await expect(startCamel({ command: execPath, args: ['-e', 'process.exit(4)'] })).rejects.toThrow(
    "Camel's process ended with 4 before it was ready.",
  )
})
