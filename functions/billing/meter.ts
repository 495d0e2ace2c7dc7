/**
 * Counts what an execution environment is billed for, call by call, as middleware of the SDK's clients.
 * An environment runs one invocation at a time, so one meter is enough: an invocation takes what it counted.
 */
import {
  countDynamoDb,
  isDynamoDb,
  KMS_UNITS,
  purposeOfCall,
  withConsumedCapacity,
} from './service-units.ts';

/** Counts by name, as `dynamodb.write.record.safety`: service, unit, and what it was for. */
export type Counts = Readonly<Record<string, number>>;

/** One call of a service, for the critical path: ms since the epoch. */
export type TracedCall = readonly [name: string, from: number, to: number];

const SQS_CHUNK_BYTES = 64 * 1024;

interface Reply {
  readonly $metadata?: { readonly attempts?: number };
}
type Step = (args: { input: object }) => Promise<{ output: Reply }>;
interface Stack {
  add(
    middleware: (next: Step, context: { readonly commandName?: string }) => Step,
    options: { readonly step: 'initialize'; readonly name: string },
  ): void;
}

export class Meter {
  readonly #isTraced: boolean;
  #counts: Record<string, number> = {};
  #calls: TracedCall[] = [];

  /** With `isTraced` the times of all calls are kept too. */
  constructor(isTraced: boolean) {
    this.#isTraced = isTraced;
  }

  count(name: string, units: number): void {
    if (units !== 0) this.#counts[name] = (this.#counts[name] ?? 0) + units;
  }

  /** What was counted since it was last taken. */
  take(): { readonly counts: Counts; readonly calls: readonly TracedCall[] } {
    const taken = { counts: this.#counts, calls: this.#calls };
    this.#counts = {};
    this.#calls = [];
    return taken;
  }

  /** Counts what a client of the SDK is asked to do. */
  client<C extends { readonly middlewareStack: unknown }>(client: C): C {
    (client.middlewareStack as Stack).add(
      (next, { commandName = '' }) => {
        const command = commandName.replace(/Command$/, '');
        return async ({ input }) => {
          const from = Date.now();
          try {
            const result = await next({ input: withConsumedCapacity(command, input) });
            this.#counted(command, input, result.output);
            return result;
          } catch (error) {
            this.#counted(command, input, error as Reply);
            throw error;
          } finally {
            const purpose = isDynamoDb(command) ? `:${purposeOfCall(input)}` : '';
            if (this.#isTraced) this.#calls.push([command + purpose, from, Date.now()]);
          }
        };
      },
      { step: 'initialize', name: 'fuqiUsage' },
    );
    return client;
  }

  #counted(command: string, input: object, output: Reply): void {
    const attempts = output.$metadata?.attempts ?? 1;
    if (isDynamoDb(command)) {
      countDynamoDb(command, input, output, (name, units) => this.count(name, units));
    } else if (command === 'SendMessage') {
      const { MessageBody = '' } = input as { MessageBody?: string };
      const chunks = Math.max(1, Math.ceil(Buffer.byteLength(MessageBody) / SQS_CHUNK_BYTES));
      this.count('sqs.send', attempts * chunks);
    } else {
      // An invocation is billed where it runs.
      this.count(KMS_UNITS[command] ?? `calls.${command}`, attempts);
    }
  }
}
