/** Structured logs on standard error. Lines about a request carry its id. */
import { type Logger, pino } from 'pino';
import { currentRequest } from './request-context.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Opens a log; `name` is who speaks. */
export const openLog = (name: string, level: LogLevel): Logger =>
  pino({ name, level, base: { name }, mixin }, pino.destination({ dest: 2, sync: true }));

/** pino makes the lines' fields of its own object, never of one that is given to it. */
const mixin = (): object => ({ ...currentRequest() });
