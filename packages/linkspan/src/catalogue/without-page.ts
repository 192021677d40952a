/** Entries of which something is not built yet, so that there is nothing to show. */
export const NOT_BUILT_YET: ReadonlySet<string> = new Set<string>()

/** Entries that are built and whose page is not written yet. */
export const PAGE_TO_COME: ReadonlySet<string> = new Set<string>()
