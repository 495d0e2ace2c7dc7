/**
 * The structured log of a function (AWS Lambda Powertools): one JSON line each, with the request that it is
 * about. The same form as the processes' log: fields first, then what happened.
 */
import { Logger } from '@aws-lambda-powertools/logger';
import type { StructuredLog } from '../node/replica-log.ts';
import { currentRequest } from '../node/request-context.ts';

/** Opens the log; `service` is who speaks, `fields` stand in every line. Level by `FUQI_LOG_LEVEL`. */
export function functionLog(service: string, fields: Record<string, string> = {}): StructuredLog {
  const logger = new Logger({
    serviceName: service,
    persistentKeys: fields,
    logLevel: (process.env.FUQI_LOG_LEVEL ?? 'info').toUpperCase() as 'INFO',
  });
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error' | 'critical') =>
    (about: object, message: string): void =>
      logger[level](message, { ...currentRequest(), ...about });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('critical'),
  };
}
