import { type ArrivalReport, arrivals, type Sent } from './arrivals.ts'
import { listenSink } from './sink.ts'

/** What the driver asks of the sink's process, and its answers, over the process's own message channel. */
export type SinkRequest =
  | { readonly ask: 'reset'; readonly from: number }
  | { readonly ask: 'progress' }
  | { readonly ask: 'report'; readonly sent: Sent }

export type SinkAnswer =
  | { readonly tell: 'ready'; readonly port: number }
  | { readonly tell: 'reset' }
  | { readonly tell: 'progress'; readonly distinct: number }
  | { readonly tell: 'report'; readonly report: ArrivalReport }

let current = arrivals(0)

const answerTo = (request: SinkRequest): SinkAnswer => {
  switch (request.ask) {
    case 'reset':
      current = arrivals(request.from)
      return { tell: 'reset' }
    case 'progress':
      return { tell: 'progress', distinct: current.distinct() }
    case 'report':
      return { tell: 'report', report: current.report(request.sent) }
  }
}

const tell = (answer: SinkAnswer): void => {
  process.send?.(answer)
}

const { port } = await listenSink({
  requireKey: process.env['REQUIRE_KEY'] === '1',
  arrivals: () => current,
})
process.on('message', (request: SinkRequest) => tell(answerTo(request)))
process.on('disconnect', () => process.exit(0))
tell({ tell: 'ready', port })
