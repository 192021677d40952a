import { type Load, type LoadReport, runLoad } from './generator.ts'

/** What the load generator's process tells the driver; it is sent one `Load` after the other. */
export type LoadAnswer =
  | { readonly tell: 'ready' }
  | { readonly tell: 'done'; readonly report: LoadReport }
  | { readonly tell: 'failed'; readonly reason: string }

const tell = (answer: LoadAnswer): void => {
  process.send?.(answer)
}

process.on('message', (load: Load) => {
  runLoad(load).then(
    (report) => tell({ tell: 'done', report }),
    (error: unknown) => tell({ tell: 'failed', reason: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
tell({ tell: 'ready' })
