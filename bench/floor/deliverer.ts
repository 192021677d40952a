import { Pool } from 'undici'

export type Deliverer = {
  readonly deliver: (id: string, body: string) => Promise<void>
  readonly close: () => Promise<void>
}

/** Posts to the sink over keep-alive connections, with the message's id as the idempotency key. */
export const deliverer = (sinkUrl: string, connections: number): Deliverer => {
  const url = new URL(sinkUrl)
  const pool = new Pool(url.origin, { connections, pipelining: 1 })
  return {
    deliver: async (id, body) => {
      const response = await pool.request({
        method: 'POST',
        path: url.pathname,
        headers: { 'content-type': 'application/json', 'idempotency-key': id },
        body,
      })
      await response.body.dump()
      if (response.statusCode > 299) throw new Error(`the sink answered ${response.statusCode} to ${id}`)
    },
    close: () => pool.close(),
  }
}
