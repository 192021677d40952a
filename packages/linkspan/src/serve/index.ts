export { type JsonLoggerOptions, jsonLogger, type Level } from '../observe/json-logger.ts'
export { METRICS, type MetricDescription, type MetricName } from '../observe/metric-names.ts'
export { createMetrics, type Labels } from '../observe/metrics.ts'
export { type AdminClient, type AdminClientOptions, createAdminClient } from './admin-client.ts'
export { ADMIN_PREFIX } from './admin-contract.ts'
export { type ApiKeyOptions, apiKey } from './auth/api-key.ts'
export { type BasicOptions, basic } from './auth/basic.ts'
export { type GithubSignatureOptions, githubSignature } from './auth/github-signature.ts'
export { type HmacOptions, hmac, type SignatureParts } from './auth/hmac.ts'
export {
  type Authenticated,
  type AuthScheme,
  type Credentials,
  signatureInvalid,
  unauthenticated,
  type Verify,
} from './auth/scheme.ts'
export type { HmacAlgorithm, Lookup, Secrets, SecretValue } from './auth/secret.ts'
export { type StandardWebhookOptions, standardWebhook } from './auth/standard-webhook.ts'
export { type BinaryBody, type BodyKind, bytesOf } from './body.ts'
export { CONSOLE_PATH, consoleLink } from './console.ts'
export { type EngineAnnouncement, engineFile, type FindEngineOptions, findEngine } from './engine-file.ts'
export { type NodeMountable, nodeHandler } from './node-handler.ts'
export type { NodeListener } from './node-listener.ts'
export type { Fetch } from './platform-fetch.ts'
export type { Problem, ProblemCode } from './problem.ts'
export type { ProblemIssue, RequestCode } from './refusal.ts'
export {
  type CommonRouteOptions,
  type InputRouteOptions,
  type PlainRouteOptions,
  type RouteFactory,
  type RouteInput,
  type RouteMethod,
  route,
  type SchemaRouteOptions,
} from './route.ts'
export type { PathParams } from './route-path.ts'
