/** A predicate that is a type guard. */
export type Guard<B, G extends B> = (body: B, ...rest: never) => body is G

/** The body type after a predicate answered true: what a type guard says, otherwise the same. */
export type Narrowed<P, B> = P extends Guard<B, infer G> ? G : B

/** The body type after a predicate answered false: what a type guard leaves, otherwise the same. */
export type Remaining<P, B> = P extends Guard<B, infer G> ? Exclude<B, G> : B
