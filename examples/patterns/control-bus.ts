import { deepEqual } from 'node:assert/strict'
import { createEngine, defineProject, flow, inbox } from 'linkspan'
import { simulated } from 'linkspan/journal'
import { memoryLogger } from 'linkspan/testing'
import { patternExample } from './lib/pattern-example.ts'

export const greet = flow('greet')
  .from(inbox<{ name: string }>(), { key: (person) => person.name })
  .map('greeting', (person) => `Hello ${person.name}`)
  .reply('answer')

export const example = patternExample({
  flows: [greet],
  input: ({ send }) => {
    send({ name: 'Ada' })
  },
  outcome: async () => {
    const project = defineProject({ journal: simulated(), flows: [greet], http: false })
    const engine = createEngine(project, { outside: { logger: memoryLogger() } })
    await engine.start()

    // A paused flow accepts, and processes nothing.
    await engine.admin.pause('greet')
    const { id } = await engine.send(greet, { name: 'Grace' })
    const [paused] = await engine.admin.flows()
    deepEqual([paused?.paused, paused?.messages.waiting], [true, 1])

    await engine.admin.resume('greet')
    deepEqual(await engine.intake.reply(id, { timeoutMs: 10_000 }), { reply: 'Hello Grace' })
    await engine.stop()
  },
})
