/** What is said of JSON that not everybody reads in the same way, in a transaction or in a request. */
import type { JsonFault } from '../bytes/strict-json.ts';
import type { RejectionCode } from './rejection.ts';

/** The code and the sentence of each fault but that of a text that is no JSON at all. */
export const JSON_FAULTS: Readonly<
  Record<Exclude<JsonFault, 'not-json'>, { readonly code: RejectionCode; readonly message: string }>
> = {
  'duplicate-name': {
    code: 'duplicate-field',
    message: 'A field stands twice in an object; which one counts would depend on the reader.',
  },
  'lone-surrogate': {
    code: 'invalid-text',
    message: 'A text holds half of a surrogate pair, which is no character.',
  },
  'inexact-number': {
    code: 'inexact-number',
    message: 'A number has more digits than are kept; send it as a text, or shorter.',
  },
  'nested-too-deep': {
    code: 'nested-too-deep',
    message: 'Objects or lists are nested too deep.',
  },
};
