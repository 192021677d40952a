import type { RheaSession } from './amqp-package.ts'

/**
 * Lets the messages of a session come as bytes. The library reads each message before it hands it over and, where that fails, ends the
 * connection: both brokers take a message of which a section is broken, and deliver it again and again. It hands over as bytes
 * what has another format than 0, so that is what it is told of each.
 */
export function asBytes(session: RheaSession): void {
  const transfer = session.on_transfer
  session.on_transfer = function (this: RheaSession, frame) {
    frame.performative.message_format = 1
    return transfer.call(this, frame)
  }
}
