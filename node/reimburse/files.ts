/**
 * What `fuqi reimburse` keeps: how far it has read, what employees claimed in a month, and the payment orders. The state is
 * replaced as a whole after each event, so after a crash the last event is seen again; an order has its claim's id, and
 * is written once.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { z } from 'zod';
import { loadJson } from '../config.ts';
import { UserError } from '../user-error.ts';

const StateSchema = z.strictObject({
  /** Of the last event that was seen; null: from the beginning. */
  cursor: z.string().nullable(),
  /** What approved claims come to, by `<month> <employee> <currency>`. */
  spent: z.record(z.string(), z.int()),
});
export type State = z.infer<typeof StateSchema>;

export function readState(file: string): State {
  if (!existsSync(file)) return { cursor: null, spent: {} };
  return loadJson(file, StateSchema, 'state');
}

export function writeState(file: string, state: State): void {
  const draft = `${file}.draft`;
  writeFileSync(draft, JSON.stringify(state), { mode: 0o600, flush: true });
  renameSync(draft, file);
}

/** What the employer's bank is to pay. */
export interface PaymentOrder {
  /** The claim: the bank should take each once. */
  readonly order: string;
  readonly employee: string;
  readonly currency: string;
  /** In minor units. */
  readonly amount: number;
  readonly invoices: readonly string[];
}

/** The orders that were written, by claim and currency. */
export function openOrders(file: string) {
  const nameOf = ({ order, currency }: Pick<PaymentOrder, 'order' | 'currency'>): string =>
    `${order} ${currency}`;
  const written = new Set(linesOf(file).map((line) => nameOf(line as PaymentOrder)));
  return {
    /** Appends an order unless it is there; answers whether it was not. Durable when it returns. */
    write(order: PaymentOrder): boolean {
      if (written.has(nameOf(order))) return false;
      const descriptor = openSync(file, 'a', 0o600);
      try {
        appendFileSync(descriptor, `${JSON.stringify(order)}\n`);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      written.add(nameOf(order));
      return true;
    },
  };
}

/** The JSON lines of a file; none where there is no file. A last line that a crash cut off is no line. */
export function linesOf(file: string): unknown[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  const last = lines.pop()!;
  if (last !== '') throw new UserError(`${file} ends within a line: complete it or take it out.`);
  return lines.map((line, index) => {
    try {
      return JSON.parse(line) as unknown;
    } catch {
      throw new UserError(`${file}: line ${index + 1} is not JSON.`);
    }
  });
}
