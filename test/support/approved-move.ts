/** A member of a consortium of processes moves to another machine: invited by itself, and approved by the others. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { EInvoiceProcesses } from './einvoice-processes.ts';
import { fuqiJson } from './fuqi.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface ApprovedMove {
  /** The configuration that the new node starts with. */
  readonly config: string;
  votesItself(): Promise<boolean>;
  /** The new node, called by its member's administrator. */
  administrator(): { readonly url: string; readonly consortium: string; readonly key: string };
}

/** Everything up to the start of the new node, which listens on a port and has such an identity. */
export async function approvedMove(
  market: EInvoiceProcesses,
  member: string,
  { port, identity, voters }: { port: number; identity: string; voters: readonly string[] },
): Promise<ApprovedMove> {
  const { own } = market;
  const folder = path.join(temporaryFolder(), 'moved');
  const passphraseFile = path.join(temporaryFolder(), 'passphrase');
  writeFileSync(passphraseFile, 'a passphrase of the new machine\n', { mode: 0o600 });
  const invited = await fuqiJson('invite', member, '--as', `${member}/admin`, ...own);
  const { link, invitation } = invited as { link: string; invitation: { id: string } };
  const join = [
    ...['join', link, '--folder', folder, '--passphrase-file', passphraseFile],
    ...['--listen', `127.0.0.1:${port}`, '--identity', identity],
  ];
  await fuqiJson(...join, '--no-wait');
  const progress = async () =>
    (await market.get(`${voters[0]}/admin`, `/invitations/${invitation.id}`)).output;
  const { proposal } = await progress();
  for (const voter of voters) {
    await fuqiJson('vote', proposal, '--as', `${voter}/admin`, ...own);
  }
  const { config } = await fuqiJson(...join);
  return {
    config,
    votesItself: async () => (await progress()).votesItself,
    administrator() {
      const ring = JSON.parse(readFileSync(path.join(folder, 'first-api-keys.json'), 'utf8'));
      return { url: ring.url, consortium: 'demo', key: ring.keys[`${member}/admin`] };
    },
  };
}
