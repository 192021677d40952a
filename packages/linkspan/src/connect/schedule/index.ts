export { type ScheduledRun, type ScheduleOptions, schedule } from './schedule.ts'
export { scheduleSpec } from './spec.ts'
