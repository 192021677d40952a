import { spawn } from 'node:child_process'
import { execPath, pid, platform } from 'node:process'
import { expect, test } from 'vitest'
import { isGone, ownMark } from './process-mark.ts'

test('this process is there, and nothing that cannot be read says that one is gone', () => {
  expect(ownMark().name).toContain(`process ${pid} on `)
  for (const mark of [ownMark().process, '', 'x y', `${pid}`, '0 1', '-1 1'])
    expect(isGone(mark), mark).toBe(false)
})

test.skipIf(platform !== 'linux')(
  'a process is gone once it has ended, or another one has its number',
  async () => {
    const child = spawn(execPath, ['-e', 'setInterval(() => {}, 1000)'])
    const [own, started] = ownMark().process.split(' ')
    expect(Number(own)).toBe(pid)
    expect(isGone(`${child.pid} 0`), 'another start').toBe(true)
    expect(isGone(`${pid} ${Number(started) - 1}`)).toBe(true)
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    expect(isGone(`${child.pid} 1`)).toBe(true)
  },
)
