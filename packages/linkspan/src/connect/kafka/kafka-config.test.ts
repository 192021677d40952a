import { describe, expect, it } from 'vitest'
import { environment } from '../fixtures/call.ts'
import { readConfig } from './fixtures/connect.ts'
import { fakeKafka } from './fixtures/fake-kafka.ts'
import { checkKafka, clientOf } from './kafka-client.ts'
import { kafkaConfig } from './kafka-config.ts'

const problems = (given: unknown) => {
  const result = kafkaConfig['~standard'].validate(given)
  if (result instanceof Promise) throw new Error('it is read at once')
  return (result.issues ?? []).map(({ path, message }) => `${(path ?? []).join('.')}: ${message}`)
}

const optionsOf = async (given: object) => {
  const broker = fakeKafka()
  const client = clientOf(broker.library, readConfig(given), environment())
  await checkKafka(client)
  return broker.clients[0]?.options
}

describe('what the project binds to a Kafka connection', () => {
  it('is one broker at the least', () => {
    expect(readConfig({ brokers: 'a:1, b:2' }).brokers).toEqual(['a:1', 'b:2'])
    expect(readConfig({ brokers: ['a:1'] }).brokers).toEqual(['a:1'])
    expect(readConfig()).toMatchObject({ clientId: 'linkspan', deliveryTimeout: 60_000, batchBytes: 900_000 })
  })

  it.each([
    [{}, /^brokers: must be "host:port"/],
    [{ brokers: [] }, /^brokers: must be/],
    [{ brokers: 'kafka://a:1' }, /^brokers: must be/],
    [{ brokers: 'a:1', sasl: { mechanism: 'PLAIN', user: 'x' } }, /^sasl\.password: must be a text/],
    [{ brokers: 'a:1', sasl: { mechanism: 'GSSAPI' } }, /^sasl\.mechanism: must be "PLAIN" or/],
    [{ brokers: 'a:1', tls: { secure: true } }, /^tls\.secure: is no option/],
    [{ brokers: 'a:1', registry: { url: 'http://ada:secret@a' } }, /^registry\.url: must not hold a user/],
    [{ brokers: 'a:1', retries: 3 }, /^retries: is no option/],
  ])('is refused as %j, without showing a value', (given, problem) => {
    expect(problems(given)[0]).toMatch(problem)
    expect(problems(given).join()).not.toContain('secret')
  })

  it('reaches the client library in its words', async () => {
    expect(
      await optionsOf({ sasl: { mechanism: 'SCRAM-SHA-512', user: 'ada', password: 'x' } }),
    ).toMatchObject({
      bootstrapBrokers: ['broker.example.com:9092'],
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'ada', password: 'x' },
    })
    expect(await optionsOf({ sasl: { mechanism: 'OAUTHBEARER', token: 'x' } })).toMatchObject({
      sasl: { mechanism: 'OAUTHBEARER', token: 'x' },
    })
    expect(await optionsOf({ tls: { ca: 'PEM', serverName: 'b' } })).toMatchObject({
      tls: { rejectUnauthorized: true, ca: 'PEM' },
      tlsServerName: 'b',
    })
    expect(await optionsOf({ tls: true })).toMatchObject({ tls: { rejectUnauthorized: true } })
    expect(await optionsOf({ tls: 'false' })).not.toHaveProperty('tls')
  })
})
