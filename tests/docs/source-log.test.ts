import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { SOURCE_LOG_PROMISES } from '../../packages/linkspan/src/model/source-log-promises.ts'

test('the guide says of the promises of a source log what linkspan check says', () => {
  const path = fileURLToPath(new URL('../../docs/guide/source-log.md', import.meta.url))
  const rows = SOURCE_LOG_PROMISES.map(({ promise, holds, how }) => `| ${promise} | ${holds} | ${how} |`)
  expect(readFileSync(path, 'utf8')).toContain(rows.join('\n'))
})
