import { Dialog } from '@base-ui/react/dialog'
import type { ReactNode } from 'react'

/** A dialog over the page; Escape and a click beside it close it. */
export function Modal({
  title,
  onClose,
  children,
  wide = false,
  hideTitle = false,
}: {
  readonly title: string
  readonly onClose: () => void
  readonly children: ReactNode
  readonly wide?: boolean
  readonly hideTitle?: boolean
}): ReactNode {
  return (
    <Dialog.Root open onOpenChange={(open) => open || onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-black/45" />
        <Dialog.Popup
          className={`panel fixed top-[8vh] left-1/2 z-50 max-h-[84vh] w-[calc(100vw-2rem)] -translate-x-1/2 overflow-auto p-5 shadow-xl ${wide ? 'max-w-3xl' : 'max-w-lg'}`}
        >
          <Dialog.Title className={hideTitle ? 'sr-only' : 'mb-3 text-base font-semibold'}>
            {title}
          </Dialog.Title>
          {children}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
