export { type ScheduledRun, type ScheduleOptions, schedule, scheduleSpec } from './schedule.ts'
