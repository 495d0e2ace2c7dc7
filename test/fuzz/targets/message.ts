/** What nodes say to each other: requests and replies. */
import assert from 'node:assert/strict';
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  kindOf,
} from '../../../shared/consensus/message.ts';
import { accepted, sameBytes } from '../invariant.ts';

export function fuzz(data: Uint8Array): void {
  // The door that a message takes is chosen before it is read.
  const kind = accepted(() => kindOf(data));
  const request = accepted(() => decodeRequest(data));
  if (request) {
    assert.equal(kind, request.kind);
    sameBytes(encodeRequest(request), data, 'the request encoded again');
  }
  const reply = accepted(() => decodeReply(data));
  if (reply) sameBytes(encodeReply(reply), data, 'the reply encoded again');
}
