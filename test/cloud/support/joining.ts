/** What the administrators of a hosted consortium do to take a member in, through the CLI. */
import type { Cloud } from '../../../infra/emulator/consortium.ts';
import { CallRefused, call } from '../../../node/gateway-call.ts';
import { fuqiJson } from '../../support/fuqi.ts';
import { eventually } from './eventually.ts';

export const CONSORTIUM = 'shenzhen-invoice';
/** The hosted members; the first one invites. */
export const HOSTED = ['tax-bureau', 'payment-platform', 'buyer-co'] as const;
export const CONSORTIUM_FILE = `
format: fuqi-consortium-1
name: ${CONSORTIUM}
members:
  - { id: tax-bureau, name: Tax bureau, identities: { officer: [invoice.tax-bureau, einvoice.tax-bureau] } }
  - { id: payment-platform, name: Platform, identities: { platform: [invoice.payment-platform] } }
  - { id: buyer-co, name: Buyer Co., identities: { employee: [invoice.employee], finance: [invoice.finance] } }
`;

/** How far an invitation has come. */
export interface Progress {
  readonly status: string;
  /** Null until it was accepted. */
  readonly proposal: string | null;
  readonly votesItself: boolean;
  readonly votes: { readonly status: string } | null;
}

/** The administrators' calls; `root` is the folder of their key rings. */
export function administrators(cloud: Cloud, root: string) {
  const own = ['--consortium', CONSORTIUM, '--home', root];
  const as = (name: string) => ({
    url: cloud.url,
    consortium: CONSORTIUM,
    key: cloud.ring.keys[name],
  });
  const progress = async (id: string): Promise<Progress> =>
    ((await call(as(`${HOSTED[0]}/admin`), `/invitations/${id}`)) as { output: Progress }).output;
  /** Undefined while the node that is asked has not even the invitation: it may be behind the one that took it. */
  const progressIfThere = async (id: string): Promise<Progress | undefined> => {
    try {
      return await progress(id);
    } catch (error) {
      if (error instanceof CallRefused && error.status === 404) return undefined;
      throw error;
    }
  };
  const voteAs = async (member: string, id: string, ...more: string[]): Promise<void> => {
    let proposal: string | null | undefined;
    await eventually(async () => {
      proposal = (await progressIfThere(id))?.proposal;
      return typeof proposal === 'string';
    }, 60_000);
    await fuqiJson('vote', proposal!, ...more, '--as', `${member}/admin`, ...own);
  };
  /** Whether it was accepted, as the node knows that is asked. */
  const isAccepted = async (id: string): Promise<boolean> =>
    (await progressIfThere(id))?.status === 'accepted';
  return {
    as,
    progress,
    isAccepted,
    invite: (member: string, ...more: string[]) =>
      fuqiJson('invite', member, '--as', `${HOSTED[0]}/admin`, ...more, ...own) as Promise<{
        link: string;
        invitation: { id: string };
      }>,
    /** The other hosted members vote for whoever has accepted the invitation; the inviting one has. */
    async vote(id: string, ...more: string[]): Promise<void> {
      for (const member of HOSTED.slice(1)) await voteAs(member, id, ...more);
    },
    voteAs,
  };
}
