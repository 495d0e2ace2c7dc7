/**
 * The relay's calls: for the node of a member that nobody can reach. The node holds a socket open; a
 * message for it rings there, and it answers by a request of its own. The relay passes signed
 * messages on and is trusted with nothing: it can delay and drop them, as any network can.
 */
import { z } from 'zod';
import { consortiumPath } from './node-api.ts';

/** Who a token for the relay is made out to; no member's id has a colon. */
export const RELAY_AUDIENCE = 'fuqi:relay';

/** The path at a gateway that is the endpoint of a member behind its relay: others add `/peer`. */
export const relayDoor = (consortium: string, member: string): string =>
  `${consortiumPath(consortium)}/relay/${member}`;

/** What rings: a message for the node, or where it is fetched, because sockets carry little. */
export const RingSchema = z.strictObject({
  id: z.uuid(),
  /** The token of the member that sends. */
  authorization: z.string().max(4096),
  /** The message, base64; without one it is fetched: `GET …/messages/{id}`. */
  message: z.string().optional(),
});
export type Ring = z.infer<typeof RingSchema>;
