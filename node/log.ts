/** Structured logs on standard error. Lines about a request carry its id. */
import { type Logger, pino } from 'pino';
import { currentRequest } from './request-context.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Opens a log; `name` is who speaks. */
export function openLog(name: string, level: LogLevel): Logger {
  const lines = pino.destination({ dest: 2, sync: true });
  // Where the disk is full nobody can be told; the lines are kept, and written when there is room.
  lines.on('error', () => {});
  return pino({ name, level, base: { name }, mixin }, lines);
}

/** pino makes the lines' fields of its own object, never of one that is given to it. */
const mixin = (): object => ({ ...currentRequest() });
