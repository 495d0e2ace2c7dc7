/** The replica's events as lines of a structured log, each at its level. */
import type { Log } from '../shared/replica/replica.ts';

type Line = (fields: object, message: string) => void;

/** A log of levels; pino's loggers fit, and the functions' own. */
export interface StructuredLog {
  readonly debug: Line;
  readonly info: Line;
  readonly warn: Line;
  readonly error: Line;
  readonly fatal: Line;
}

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

/** The replica's log over a structured one. */
export const replicaLog =
  (log: StructuredLog): Log =>
  (event, fields) => {
    if (FREQUENT.has(event)) log.debug(fields ?? {}, event);
    else if (WARNINGS.has(event)) log.warn(fields ?? {}, event);
    else if (event.endsWith('-failed')) log.error(fields ?? {}, event);
    else log.info(fields ?? {}, event);
  };
