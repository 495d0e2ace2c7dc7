/**
 * The door for other nodes' messages on this process's own server: past the API's framework, whose requests and
 * responses cost more than checking a vote. It takes what correct nodes send and nothing else; whatever is odd in
 * any way goes by the API, where `PeerHandler.handle` refuses it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PEER_PATHS } from '../shared/api/node-api.ts';
import { named, requestAbout } from '../shared/api/request-id.ts';
import type { PeerHandler } from './peer-handler.ts';
import { inRequest } from './request-context.ts';
import { CBOR_TYPE } from './token-peers.ts';

/** Takes a request, or leaves it (false) to who comes next. */
export type Door = (request: IncomingMessage, response: ServerResponse) => boolean;

const PATHS: ReadonlySet<string | undefined> = new Set(PEER_PATHS);

/** The door to a handler. */
export function peerDoor(handler: PeerHandler): Door {
  return (request, response) => {
    const member = senderOf(request);
    if (member === undefined) return false;
    void serve(member, request, response);
    return true;
  };

  /** The member that a message comes from in the one form that its node gives it. */
  function senderOf({ method, url, headers }: IncomingMessage): string | undefined {
    if (method !== 'POST' || !PATHS.has(url)) return undefined;
    if (headers['content-type'] !== CBOR_TYPE) return undefined;
    if (headers['content-encoding'] !== undefined) return undefined;
    // Without a length, or with a wrong one, this is no number.
    if (!(Number(headers['content-length']) <= handler.messageBytesMax)) return undefined;
    const member = handler.memberOf(headers.authorization);
    return member !== undefined && handler.trusts(member) ? member : undefined;
  }

  async function serve(member: string, request: IncomingMessage, response: ServerResponse) {
    const message = await wholeBody(request);
    // Its sender has gone.
    if (!message) return;
    const about = requestAbout((name) => request.headers[name] as string | undefined);
    const reply = await inRequest(about, () => handler.answer(member, message));
    if (reply instanceof Response) return refuse(response, await named(reply, about.requestId));
    response.writeHead(200, {
      'content-type': CBOR_TYPE,
      'content-length': reply.length,
      'x-request-id': about.requestId,
    });
    response.end(reply);
  }
}

/** The body, as long as the request says; undefined where the connection ends before it. */
function wholeBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)));
    request.on('close', () => resolve(undefined));
    // It closes, too.
    request.on('error', () => {});
  });
}

async function refuse(response: ServerResponse, refusal: Response): Promise<void> {
  const body = Buffer.from(await refusal.arrayBuffer());
  response.writeHead(refusal.status, {
    ...Object.fromEntries(refusal.headers),
    'content-length': body.length,
  });
  response.end(body);
}
