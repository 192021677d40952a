import { talks } from './talk.ts'

/** Whether a broker lets a user in by STOMP 1.2. */
export const stompLetsIn = (port: number, user: string, password: string): Promise<boolean> =>
  talks(port, hello(user, password), (heard) => /^\s*CONNECTED\n/.test(`${heard}`))

const hello = (user: string, password: string) =>
  `CONNECT\naccept-version:1.2\nhost:127.0.0.1\nlogin:${user}\npasscode:${password}\n\n\0`

/** Whether a broker speaks AMQP 1.0 with login: it answers its header in kind (AMQP 1.0, 5.3.1). */
export const speaksAmqp = (port: number): Promise<boolean> =>
  talks(port, saslHeader, (heard) => heard.subarray(0, 5).equals(saslHeader.subarray(0, 5)))

const saslHeader = Buffer.from('AMQP\x03\x01\0\0')
