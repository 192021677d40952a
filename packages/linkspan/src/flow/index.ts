export * from '../patterns/index.ts'
export * from './flow.ts'
export * from './inbox.ts'
