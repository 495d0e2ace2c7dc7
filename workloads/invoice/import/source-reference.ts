/**
 * Names on the ledger for what a file calls by its own reference. They depend on the seller and the
 * reference only, so that a repeated import finds what it wrote before instead of writing it twice.
 */
import { createHash } from 'node:crypto';

/** Hex digits of SHA-256 that keep two references apart, here 64 bits. */
const DIGITS = 16;

/** Unique among all sellers, as payment references must be: `536365.1f0c…`. */
export const paymentReference = (seller: string, reference: string): string =>
  `${readable(reference)}.${digest(seller, reference)}`;

/** The seller's own number: the reference itself where the ledger can hold it. */
export const externalId = (seller: string, reference: string): string =>
  /^[!-~]{1,64}$/.test(reference)
    ? reference
    : `${readable(reference)}.${digest(seller, reference)}`;

/** Names one step on one document; the same intent has the same key on every try. */
export const intentKey = (seller: string, reference: string, step: string): string =>
  `import.${step}.${digest(seller, reference)}`;

const readable = (reference: string): string =>
  reference
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 40) || 'x';

const digest = (seller: string, reference: string): string =>
  createHash('sha256')
    .update(JSON.stringify([seller, reference]))
    .digest('hex')
    .slice(0, DIGITS);
