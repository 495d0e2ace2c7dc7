/**
 * Cursors of pages and streams. One names a place in the final history, so it pins the height: what
 * is committed later never shifts a page. Callers treat them as opaque.
 */
import type { EventCursor, LedgerEvent, TransactionPlace } from './ledger-service.ts';

/** Events from the start of a block onwards. */
export const fromHeight = (height: number): EventCursor => ({
  height,
  transactionIndex: 0,
  eventIndex: -1,
});

/** The place of an event: what comes after it is next. */
export const placeOf = (event: LedgerEvent): EventCursor => ({
  height: event.height,
  transactionIndex: event.transactionIndex,
  eventIndex: event.eventIndex,
});

/** `<height>.<transaction>.<event>`, the event's part `s` for the block's start; a fourth part where `late` is told. */
export function encodeEventCursor(cursor: EventCursor): string {
  const { height, transactionIndex, eventIndex, late } = cursor;
  const place = `${height}.${transactionIndex}.${eventIndex === -1 ? 's' : eventIndex}`;
  return late === undefined ? place : `${place}.${late}`;
}

const NATURAL = '(0|[1-9][0-9]{0,14})';
const EVENT_CURSOR = new RegExp(`^${NATURAL}\\.${NATURAL}\\.(?:${NATURAL}|s)(?:\\.${NATURAL})?$`);

/** Reverses `encodeEventCursor`; undefined for any other text. */
export function decodeEventCursor(text: string): EventCursor | undefined {
  const match = EVENT_CURSOR.exec(text);
  if (!match) return undefined;
  return {
    height: Number(match[1]),
    transactionIndex: Number(match[2]),
    eventIndex: match[3] === undefined ? -1 : Number(match[3]),
    ...(match[4] !== undefined && { late: Number(match[4]) }),
  };
}

/** The blocks below a height come next. */
export const encodeBlockCursor = (before: number): string => `b${before}`;

/** Reverses `encodeBlockCursor`; undefined for any other text. */
export function decodeBlockCursor(text: string): number | undefined {
  const match = /^b(0|[1-9][0-9]{0,14})$/.exec(text);
  return match ? Number(match[1]) : undefined;
}

/** This transaction and what comes after it. */
export const encodeTransactionCursor = ({ height, index }: TransactionPlace): string =>
  `t${height}.${index}`;

const TRANSACTION_CURSOR = new RegExp(`^t${NATURAL}\\.${NATURAL}$`);

/** Reverses `encodeTransactionCursor`; undefined for any other text. */
export function decodeTransactionCursor(text: string): TransactionPlace | undefined {
  const match = TRANSACTION_CURSOR.exec(text);
  return match ? { height: Number(match[1]), index: Number(match[2]) } : undefined;
}
