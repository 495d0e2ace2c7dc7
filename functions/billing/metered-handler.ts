/**
 * Ends each invocation of a function with one line in its log that says what it is billed for; the bench
 * prices these lines, and an operator can sum them up.
 */
import type { StructuredLog } from '../../node/replica-log.ts';
import { Meter } from './meter.ts';

/** What this execution environment is billed for. */
export const meter = new Meter(process.env.FUQI_TRACE_CALLS === '1');

/** CloudWatch Logs counts this much for each event besides its text. */
const EVENT_BYTES = 26;
const MEMORY_MIB = Number(process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? 0);

let bytesLogged = 0;
let isFirst = true;
/** What the invocation under way is for, as its line says it. */
let purpose = '';

/** Whatever is written is a line of the log, whoever writes it. */
for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    bytesLogged += Buffer.byteLength(chunk) + EVENT_BYTES;
    return write(chunk, ...rest);
  };
}

/** Names what the invocation under way is for, as `proposal`, or `alarm`. */
export function isFor(what: string): void {
  purpose = what;
}

/** A handler that logs its usage when it ends, however it ends. */
export function metered<Event, Context, Result>(
  log: StructuredLog,
  handler: (event: Event, context: Context) => Promise<Result>,
): (event: Event, context: Context) => Promise<Result> {
  return async (event, context) => {
    const from = performance.now();
    const cpu = process.cpuUsage();
    purpose = '';
    try {
      return await handler(event, context);
    } finally {
      const { user, system } = process.cpuUsage(cpu);
      const { counts, calls } = meter.take();
      const usage = {
        for: purpose,
        // Of a cold start what went before the handler is billed too.
        ms: Math.ceil(performance.now() - (isFirst ? 0 : from)),
        cold: isFirst,
        cpuMs: Math.round((user + system) / 1000),
        memoryMiB: MEMORY_MIB,
        logged: bytesLogged,
        counts,
        ...(calls.length > 0 && { from: Math.round(performance.timeOrigin + from), calls }),
      };
      isFirst = false;
      bytesLogged = 0;
      log.info({ usage }, 'usage');
      // What is traced for a measurement is not there without it.
      if (calls.length > 0) bytesLogged -= Buffer.byteLength(JSON.stringify(calls));
    }
  };
}
