/**
 * What is counted where something is wrong, and how an operator hears of it: a log line in CloudWatch's
 * embedded metric format becomes a metric. One that nobody sends costs nothing, so all is well for free.
 */
import type { StructuredLog } from '../node/replica-log.ts';

/** What functions count themselves. */
export const NOTICES = {
  /** The node's alarm rang several times without a commit, and something waits still. */
  CommitWaits: 'transactions wait, and nothing is committed',
  /** A validator does not answer, or its head lies far behind. */
  ReplicaBehind: 'a replica is behind',
  /** The node's signing key or its member's keys can't be used. */
  CannotSign: 'a key can’t be used',
  /** An invocation had hardly any time left at its end. */
  NearTimeout: 'an invocation nearly timed out',
} as const;
export type Notice = keyof typeof NOTICES;

/** What is found in the lines of logs, Lambda's own among them. */
export const FOUND_IN_LOGS = {
  /** An invocation failed, was stopped at its time-out or ran out of memory. */
  Faults:
    '?"Task timed out" ?"Status: timeout" ?"Status: error" ?"Invoke Error" ?"Runtime exited" ?"Runtime.ExitError"',
  /** DynamoDB, KMS, Lambda or SQS refused a call for its rate, after the client's own attempts. */
  Throttled:
    '?ThrottlingException ?ThroughputExceededException ?RequestLimitExceeded ?TooManyRequestsException',
} as const;
export type FoundInLogs = keyof typeof FOUND_IN_LOGS;

/** The namespace of a consortium's metrics: they have no other dimension. */
export const metricNamespace = (consortium: string): string => `Fuqi/${consortium}`;

/** Says one notice at most this often in an execution environment: alarms look at minutes. */
const EVERY_MS = 30_000;

/** Says a notice: to the log, and by it to CloudWatch. */
export type Notify = (notice: Notice, fields: Readonly<Record<string, unknown>>) => void;

/** Notices of one execution environment. */
export function notifier(log: StructuredLog, consortium: string, now: () => number): Notify {
  const said = new Map<Notice, number>();
  return (notice, fields) => {
    const last = said.get(notice);
    if (last !== undefined && now() - last < EVERY_MS) return;
    said.set(notice, now());
    const metric = {
      Namespace: metricNamespace(consortium),
      Dimensions: [[]],
      Metrics: [{ Name: notice, Unit: 'Count' }],
    };
    const _aws = { Timestamp: now(), CloudWatchMetrics: [metric] };
    const level = notice === 'CannotSign' ? 'fatal' : 'warn';
    log[level]({ ...fields, [notice]: 1, _aws }, NOTICES[notice]);
  };
}
