/** `…/join` of the inviting member's node, asked by the function that makes a member's node. */
import { type Join, JoinSchema } from '../../shared/api/join.ts';
import { DEADLINES } from '../deadlines.ts';

/** The node of the member that invited refuses; its answer says why. */
export class JoinRefused extends Error {
  readonly response: Response;
  constructor(response: Response) {
    super(`the node of the member that invited answered ${response.status}`);
    this.response = response;
  }
}

export interface JoinRequest {
  /** `…/join` at the consortium's gateway, which knows where the node is. */
  readonly url: string;
  /** The invitation. */
  readonly token: string;
  /** The next step, taken by POST; without one it is asked how far it has come. */
  readonly step?: object | undefined;
  readonly method?: 'DELETE';
}

/** Asks, or takes a step; throws `JoinRefused` where the node refuses. */
export async function askToJoin({ url, token, step, method }: JoinRequest): Promise<Join> {
  const response = await fetch(url, {
    method: method ?? (step ? 'POST' : 'GET'),
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      // Whoever asked is not kept waiting: what is not final then is so at the next look.
      prefer: 'wait=8',
    },
    ...(step && { body: JSON.stringify(step) }),
    signal: AbortSignal.timeout(DEADLINES.node),
  });
  if (!response.ok) throw new JoinRefused(response);
  return JoinSchema.parse(await response.json());
}
