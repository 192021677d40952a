import { describe, expect, it } from 'vitest'
import { environment } from '../fixtures/call.ts'
import { sqlConfig } from './sql-config.ts'
import { sqlConnector } from './sql-connection.ts'

const issuesOf = async (value: unknown): Promise<string> =>
  ((await sqlConfig['~standard'].validate(value)).issues ?? []).map(({ message }) => message).join('; ')

describe('the configuration of an SQL connection', () => {
  it.each([
    'postgres://u:p@h:5432/d',
    'postgresql://h/d',
    'mysql://h/d',
    'mariadb://u@h:3307/d',
    'sqlite:data/app.db',
    'sqlite::memory:',
  ])('takes the url %s', async (url) => {
    expect(await issuesOf({ url })).toBe('')
  })

  it('says what is wrong, and repeats no secret', async () => {
    expect(await issuesOf({})).toMatch(/either a url or a driver/)
    expect(await issuesOf({ url: 'sqlite:a.db', driver: { database: {} } })).toMatch(
      /either a url or a driver/,
    )
    expect(await issuesOf({ url: 'https://user:hunter2@h/d' })).toMatch(/must be a URL as in "postgres:/)
    expect(await issuesOf({ url: 'https://user:hunter2@h/d' })).not.toContain('hunter2')
    expect(await issuesOf({ driver: {} })).toMatch(/must be pgPool\(pool\)/)
    expect(await issuesOf({ url: 'sqlite:a.db', pool: 3 })).toMatch(/is no option/)
  })

  it('needs no server until it is used, and says then that there is none', async () => {
    const { value } = (await sqlConfig['~standard'].validate({
      url: 'postgres://u:hunter2@127.0.0.1:1/d',
    })) as { value: never }
    const client = await sqlConnector.connect(value, environment())
    const error = await sqlConnector
      .check?.(client, new AbortController().signal)
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CALL_FAILED', retry: 'later', applied: 'no' })
    expect((error as Error).message).toContain('ECONNREFUSED')
    expect(JSON.stringify([(error as Error).message, error])).not.toContain('hunter2')
    await client.close()
  })
})
