/** Structured logs on standard error. The replica's events come through with their fields. */
import { type Logger, pino } from 'pino';
import type { Log } from '../shared/replica/replica.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Opens a log; `name` is who speaks. */
export const openLog = (name: string, level: LogLevel): Logger =>
  pino({ name, level, base: { name } }, pino.destination({ dest: 2, sync: true }));

/** Events that happen all the time where a member is away; an operator looks at them when searching. */
const FREQUENT = new Set([
  'peer-failed',
  'vote-refused',
  'caught-up-to',
  'catch-up-source-left',
  'bodies-removed',
]);

/** Events that an operator should hear of without searching. */
const WARNINGS = new Set(['double-signed', 'evidence-not-reported']);

/** The replica's log over a pino logger. */
export const replicaLog =
  (log: Logger): Log =>
  (event, fields) => {
    if (FREQUENT.has(event)) log.debug(fields ?? {}, event);
    else if (WARNINGS.has(event)) log.warn(fields ?? {}, event);
    else if (event.endsWith('-failed')) log.error(fields ?? {}, event);
    else log.info(fields ?? {}, event);
  };
