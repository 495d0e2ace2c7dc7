/** Reads the usage lines that functions log at the end of each invocation from the emulator's log. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

const UsageSchema = z
  .object({
    service: z.string(),
    member: z.string().optional(),
    usage: z.object({
      for: z.string(),
      ms: z.number(),
      cold: z.boolean(),
      cpuMs: z.number(),
      memoryMiB: z.number(),
      logged: z.number(),
      counts: z.record(z.string(), z.number()),
      from: z.number().optional(),
      calls: z.array(z.tuple([z.string(), z.number(), z.number()])).optional(),
    }),
  })
  .transform(({ service, ...rest }) => ({ name: service, ...rest }));

/** One invocation: of which function and member, what for, and what it used. */
export type Invocation = z.infer<typeof UsageSchema>;

const SKIP_MS = 500;

export class UsageLog {
  readonly #file: string;
  readonly #quietMs: number;
  #offset = 0;

  /** `quietMs`: longer than an alarm that a burst set takes to ring. */
  constructor(file: string, quietMs: number) {
    this.#file = file;
    this.#quietMs = quietMs;
  }

  /** The invocations since the last call, when no further one has ended for a while. */
  async untilQuiet(): Promise<Invocation[]> {
    const found = this.#read();
    for (;;) {
      await delay(this.#quietMs);
      const more = this.#read();
      found.push(...more);
      if (more.length === 0) return found;
    }
  }

  /** Leaves out what was done between the measurements. */
  async skip(): Promise<void> {
    await delay(SKIP_MS);
    this.#read();
  }

  #read(): Invocation[] {
    const file = openSync(this.#file, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - this.#offset);
      readSync(file, bytes, 0, bytes.length, this.#offset);
      const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
      this.#offset += whole.length;
      return whole.toString('utf8').split('\n').flatMap(usageOf);
    } finally {
      closeSync(file);
    }
  }
}

/** The usage that a line of a log tells, where it tells one. */
export function usageOf(line: string): Invocation[] {
  if (!line.includes('"usage":{')) return [];
  const parsed = UsageSchema.safeParse(
    JSON.parse(line.slice(line.indexOf('{'), line.lastIndexOf('}') + 1)),
  );
  return parsed.success ? [parsed.data] : [];
}
