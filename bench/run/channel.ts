import { type ChildProcess, fork } from 'node:child_process'

/** A process of ours that answers each question before the next is asked. */
export type Helper<Question extends object, Answer extends { readonly tell: string }> = {
  readonly pid: number
  readonly ask: <T extends Answer['tell']>(
    question: Question,
    expect: T,
  ) => Promise<Extract<Answer, { tell: T }>>
  readonly stop: () => Promise<void>
}

/** Starts the module as a process and waits for its `ready`. */
export const startHelper = async <Question extends object, Answer extends { readonly tell: string }>(
  module: URL,
): Promise<{
  readonly helper: Helper<Question, Answer>
  readonly ready: Extract<Answer, { tell: 'ready' }>
}> => {
  const child = fork(module, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ready = await answerOf<Answer, 'ready'>(child, 'ready')
  const helper: Helper<Question, Answer> = {
    pid: child.pid!,
    ask: (question, expect) => {
      const answer = answerOf<Answer, typeof expect>(child, expect)
      child.send(question)
      return answer
    },
    stop: async () => {
      if (child.exitCode !== null) return
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.disconnect()
      await gone
    },
  }
  return { helper, ready }
}

const answerOf = <Answer extends { readonly tell: string }, T extends Answer['tell']>(
  child: ChildProcess,
  expect: T,
): Promise<Extract<Answer, { tell: T }>> =>
  new Promise((resolve, reject) => {
    const failed = (code: number | null): void =>
      reject(new Error(`${child.spawnargs[1]} ended with ${code}`))
    child.once('exit', failed)
    child.once('message', (answer: Answer) => {
      child.off('exit', failed)
      if (answer.tell === expect) resolve(answer as Extract<Answer, { tell: T }>)
      else reject(new Error(`expected '${expect}', got ${JSON.stringify(answer).slice(0, 300)}`))
    })
  })
