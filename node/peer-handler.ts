/**
 * The door for other nodes' messages: lets nobody in without a good token, and does not look into a message. As a
 * handler of `POST /peer` for hosts with a platform's requests, and in parts for a host of its own kind (`peer-door.ts`).
 */
import { readUpTo, refuseMediaType } from '../shared/api/body.ts';
import { problem } from '../shared/api/problem.ts';
import { storeProblem } from '../shared/api/store-faults.ts';
import { StoreFault } from '../shared/ports/store-fault.ts';
import { BadMessage } from '../shared/replica/bad-message.ts';
import { PEER_MESSAGE_BYTES_MAX } from './http-peers.ts';
import { type PeerGuard, peerGuard } from './peer-guard.ts';
import { CBOR_TYPE } from './token-peers.ts';

export interface PeerHandlerOptions {
  /** The member who issued a token (`peerTokenVerifier`); undefined for one that is not good. */
  readonly verify: (token: string) => string | undefined;
  /** Handles a member's message and answers the reply. */
  readonly receive: (member: string, message: Uint8Array) => Promise<Uint8Array>;
  readonly limits?: { readonly messageBytesMax: number };
  /** Remembers who sent what was refused; where a handler serves one request only, its host keeps it. */
  readonly guard?: PeerGuard;
}

export interface PeerHandler {
  readonly messageBytesMax: number;
  /** The member whose good token an `Authorization` header carries. */
  memberOf(authorization: string | null | undefined): string | undefined;
  /** Whether a member sent nothing lately that had to be refused. */
  trusts(member: string): boolean;
  /** Answers a message: the reply's bytes, or a problem document. */
  answer(member: string, message: Uint8Array): Promise<Uint8Array | Response>;
  /** Answers a request of `POST /peer`; refusals are problem documents. */
  handle(request: Request): Promise<Response>;
}

export function peerHandler(options: PeerHandlerOptions): PeerHandler {
  const { verify, receive, guard = peerGuard() } = options;
  const messageBytesMax = options.limits?.messageBytesMax ?? PEER_MESSAGE_BYTES_MAX;

  function memberOf(authorization: string | null | undefined): string | undefined {
    const token = /^Bearer ([\w.-]+)$/.exec(authorization ?? '')?.[1];
    return token === undefined ? undefined : verify(token);
  }

  async function answer(member: string, message: Uint8Array): Promise<Uint8Array | Response> {
    try {
      return await receive(member, message);
    } catch (error) {
      if (error instanceof BadMessage) {
        guard.refused(member, error.kind, error.message);
        const detail = `The ${message.length} bytes are no message of a correct node: ${error.kind}.`;
        return problem('bad-request', detail, { got: error.kind });
      }
      guard.failed(member, error);
      if (error instanceof StoreFault) return storeProblem(error, true);
      return problem('internal', 'The message could not be handled; the node’s log says why.');
    }
  }

  async function answerRequest(member: string, request: Request): Promise<Response> {
    const refused = refuseMediaType(request, [CBOR_TYPE]);
    if (refused) {
      guard.refused(member, 'media-type', 'a body of another type');
      return refused;
    }
    const message = await readUpTo(request, messageBytesMax);
    if (message === undefined) {
      const detail = `The message is larger than ${messageBytesMax} bytes.`;
      guard.refused(member, 'too-large', detail);
      return problem('payload-too-large', detail, { expected: messageBytesMax });
    }
    const reply = await answer(member, message);
    if (reply instanceof Response) return reply;
    return new Response(reply as Uint8Array<ArrayBuffer>, {
      headers: { 'content-type': CBOR_TYPE },
    });
  }

  return {
    messageBytesMax,
    memberOf,
    trusts: guard.trusts,
    answer,
    async handle(request) {
      const member = memberOf(request.headers.get('authorization'));
      if (member === undefined) {
        return problem('unauthorized', 'The request carries no good token of a member’s node.');
      }
      return guard.handle(member, () => answerRequest(member, request));
    },
  };
}
