/**
 * Where the API of a member is that joined or moved after the deployment: its own function, or where the
 * member says on the ledger that its node is. Asked of the nodes, because the gateway reads no table.
 */
import { z } from 'zod';
import type { ApiLog } from '../../shared/api/node-api.ts';
import { consortiumPath } from '../../shared/api/node-api.ts';

const MembersSchema = z.object({
  output: z.object({
    members: z.array(
      z.object({
        id: z.string(),
        hosting: z.string(),
        active: z.boolean(),
        endpoint: z.string().optional(),
      }),
    ),
  }),
});
type Member = z.infer<typeof MembersSchema>['output']['members'][number];

/** Members join seldom. */
const FRESH_MS = 30_000;
/** Who is not among them may have joined since; a key of nobody must not cost a call each time. */
const MISSING_MS = 2000;
const ASK_MS = 5000;

export interface LaterMembersOptions {
  readonly consortium: string;
  /** The function of a hosted member, as a host name. */
  readonly nodeAt: (member: string) => string;
  /** Members whose nodes are asked, in turn. */
  readonly askFirst: readonly string[];
  readonly fetch: typeof globalThis.fetch;
  readonly log: ApiLog;
}

/**
 * Finds the base URL of a member's API; undefined where the ledger knows no such member. Throws an Error where no node
 * could be asked: then nobody can say that there is none.
 */
export function laterMembers(options: LaterMembersOptions) {
  let known:
    | { readonly at: number; readonly members: readonly Member[]; readonly isSure: boolean }
    | undefined;
  return async (id: string, hasMoved = false): Promise<string | undefined> => {
    const find = (): Member | undefined =>
      known?.members.find((one) => one.id === id && one.active);
    const freshMs = find() && !hasMoved ? FRESH_MS : MISSING_MS;
    if (!known || Date.now() - known.at > freshMs) {
      const asked = await ask(options);
      const members = asked ?? known?.members ?? [];
      known = { at: Date.now(), members, isSure: asked !== undefined };
    }
    const member = find();
    if (!member && !known.isSure) throw new Error(`no node could say where ${id} is`);
    if (!member) return undefined;
    return member.hosting === 'hosted' ? options.nodeAt(id) : member.endpoint;
  };
}

async function ask({
  consortium,
  nodeAt,
  askFirst,
  fetch,
  log,
}: LaterMembersOptions): Promise<readonly Member[] | undefined> {
  for (const member of askFirst) {
    try {
      const response = await fetch(`${nodeAt(member)}${consortiumPath(consortium)}/members`, {
        signal: AbortSignal.timeout(ASK_MS),
      });
      if (response.ok) return MembersSchema.parse(await response.json()).output.members;
    } catch (error) {
      log.error({ member, err: error }, 'the members could not be asked for');
    }
  }
  return undefined;
}

/** Functions have no dot in their names, hosts of the web have one, or a port. */
export function functionOrWeb(invoke: typeof globalThis.fetch): typeof globalThis.fetch {
  return (input, init) => {
    const { hostname, port } = new URL(input instanceof Request ? input.url : input);
    const isFunction = !hostname.includes('.') && port === '' && hostname.startsWith('fuqi-');
    return isFunction ? invoke(input, init) : globalThis.fetch(input, init);
  };
}
