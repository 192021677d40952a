import type { LanguageNode } from './entry.ts'

/** Words of Camel's language that its users look for beside the patterns. */
export const LANGUAGE: readonly LanguageNode[] = [
  { names: ['setBody'], ours: 'the step `map`', entry: 'Message Translator' },
  {
    names: ['setHeader', 'setHeaders', 'removeHeader', 'removeHeaders'],
    ours: 'headers of a message do not change; those of what is sent on are told where it is sent: `publish(…, { headers })`',
    entry: 'Message',
  },
  {
    names: ['setProperty', 'setVariable', 'setVariables', 'removeProperty', 'removeVariable'],
    ours: '`as` of `call`, `state` and `split` binds a result by name beside the body; a scope ends where it ends',
    entry: 'Content Enricher',
  },
  {
    names: ['convertBodyTo', 'convertHeaderTo', 'convertVariableTo'],
    ours: '`map`, or `validate` with a schema that converts',
    entry: 'Validate',
  },
  {
    names: ['marshal', 'unmarshal'],
    ours: 'sources and operations read and write their formats; anything else is a `map`',
    entry: 'Message Translator',
  },
  {
    names: ['toD'],
    ours: "an operation's path and body are functions of its input; the connection stays the one that was declared",
    entry: 'Message Endpoint',
  },
  {
    names: ['doTry', 'doCatch', 'doFinally'],
    step: 'try',
    ours: 'the step `try` with `do`, `catch` and `finally`. What may be tried again is, before a `catch` sees it; for one call, its `fallback`',
    entry: 'Dead Letter Channel',
  },
  {
    names: ['onException', 'errorHandler', 'handled', 'continued', 'retryWhile', 'useOriginalMessage'],
    ours: 'the option `onError` of a step, flow or project: `rules(when(…, retry(…)), …)`. `.onError(…)` of the flow is *handled* and begins with the accepted body; `ignore()` on a step is *continued*',
    entry: 'Dead Letter Channel',
  },
  {
    names: ['onCompletion', 'onCompleteOnly', 'onFailureOnly', 'onWhen'],
    step: 'onCompletion',
    ours: "the step `onCompletion`, with `on: 'success'` or `'failure'`: a child that is accepted in one commit with the message's end. `onWhen` is a `filter` in it. Nothing of it runs before the message's end: what shall is a last step",
    entry: 'Dead Letter Channel',
  },
  {
    names: ['onFallback'],
    ours: '`fallback` of a `call` or `to`',
    entry: 'Content Enricher',
  },
  {
    names: ['routeConfiguration'],
    ours: '`onError`, `retention` and `hooks` of `defineProject` hold for all its flows',
    entry: 'Dead Letter Channel',
  },
  {
    names: ['routeTemplate', 'templatedRoute'],
    ours: 'a function that takes parameters and answers a flow, or adds steps to one',
    entry: 'Kamelet',
  },
  {
    names: ['rollback', 'throwException'],
    ours: 'throw in a pure step: an `Error` is not tried again, a `LinkspanError` says itself when it is',
    entry: 'Transactional Client',
  },
  {
    names: ['tokenizer', 'tokenize'],
    ours: '`split` with a generator that reads the parts one at a time; files come record by record',
    entry: 'Splitter',
  },
  {
    names: ['transacted', 'policy'],
    ours: 'nothing to say: what a message changes in the engine is committed with its settlement',
    entry: 'Transactional Client',
  },
  {
    names: ['rest', 'restConfiguration', 'REST DSL'],
    ours: "`route.get`, `route.post` and the others as a flow's source",
    entry: 'Event-Driven Consumer',
  },
  {
    names: ['autoStartup', 'routePolicy', 'suspend'],
    ours: '`linkspan flows pause` and `flows resume`; a paused flow stays so over restarts',
    entry: 'Control Bus',
  },
]
