export { typed } from '../typed.ts'
export type { StatusMeaning } from './failure.ts'
export type { HttpClient } from './http-client.ts'
export {
  apiKey,
  basic,
  bearer,
  type HttpAuth,
  type HttpConfig,
  type HttpTls,
  type OAuth,
  type OAuthOptions,
  oauth,
  type ReadHttpAuth,
  type ReadHttpConfig,
} from './http-config.ts'
export {
  type HttpConnection,
  type HttpConnectionOptions,
  httpConnection,
  httpConnector,
  type MakeRepeatable,
  type MakeUnrepeatable,
} from './http-connection.ts'
export type {
  CallMark,
  DeclaredGuarantee,
  GuaranteeKind,
  HttpMethod,
  KeyGuarantee,
  ReadingOptions,
  RepeatableOptions,
  RequestOptions,
  ResponseShape,
  ResultOf,
  StatedGuarantee,
  UnrepeatableOptions,
  VerifyGuarantee,
  VerifyRequest,
} from './http-operation.ts'
export type { HttpPollOptions, Since } from './http-poll.ts'
export {
  continuationToken,
  cursorIn,
  deltaLinks,
  linkHeader,
  offset,
  onePage,
  type PageRequest,
  type Pages,
  pageNumber,
  type SeenPage,
} from './pages.ts'
export { path, type Query } from './path.ts'
export type { HttpReply } from './reply.ts'
export { httpSpec } from './spec.ts'
