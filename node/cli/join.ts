/** `fuqi join`: a member to be accepts its invitation, and sees how far it has come. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { relayDoor } from '../../shared/api/relay.ts';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import { EndpointSchema } from '../../shared/ledger/genesis.ts';
import { call } from '../gateway-call.ts';
import { type InvitationLink, parseInvitationLink } from '../invitation-link.ts';
import { genesisOf, join, joinHosted } from '../join-call.ts';
import { readPassphrase } from '../key-file.ts';
import { firstKeysFile, makePrivateMember, writeKeyRing } from '../private-member.ts';
import { UserError } from '../user-error.ts';
import { type GlobalOptions, globalOptions, say, show } from './command-context.ts';
import { joinFromOwnAccount } from './join-own-account.ts';
import { POLL_MS, patiently, stateOf } from './join-progress.ts';

interface JoinOptions {
  readonly hosting: 'private' | 'hosted' | 'own-account';
  readonly region?: string;
  readonly name?: string;
  readonly folder?: string;
  readonly listen: string;
  readonly endpoint?: string;
  readonly relay?: boolean | string;
  readonly identity: Record<string, string[]>;
  readonly passphraseFile?: string;
  readonly wait: boolean;
  readonly withdraw?: boolean;
}

export function registerJoin(program: Command): void {
  program
    .command('join')
    .description('join a consortium by an invitation; again to go on, or --withdraw')
    .argument('<link>', 'the invitation')
    .addOption(
      new Option(
        '--hosting <kind>',
        'private: a process on your own machine; hosted: functions in the account of whoever runs the gateway; own-account: functions in your own AWS account',
      )
        .choices(['private', 'hosted', 'own-account'])
        .default('private'),
    )
    .option('--name <name>', 'the member’s name; its id unless told')
    .option(
      '--folder <folder>',
      'where keys, configuration and data go; the member’s id unless told',
    )
    .option('--region <region>', 'of a node in your own account; the operator’s unless told')
    .option('--listen <host:port>', 'where the node listens', '127.0.0.1:7100')
    .option('--endpoint <url>', 'where the others reach it; where it listens unless told')
    .option('--relay [url]', 'it can’t be reached: it connects out to the gateway’s relay')
    .option(
      '--identity <name=role,…>',
      'an identity besides admin, with its roles; again for more',
      collectIdentity,
      {},
    )
    .option('--passphrase-file <file>', 'first line: the passphrase of the key files')
    .option('--no-wait', 'do not wait for the members’ votes')
    .option('--withdraw', 'take the candidacy back')
    .action(async (text: string, given: JoinOptions, command: Command) => {
      const options = globalOptions(command);
      const link = parseInvitationLink(text);
      if (given.withdraw) {
        const door = given.hosting === 'hosted' ? joinHosted : join;
        const { invitation } = await door(link, { method: 'DELETE' });
        return show(options, { invitation }, `${invitation.member} does not join.`);
      }
      if (given.hosting === 'hosted') await joinAsHosted(link, given, options);
      else if (given.hosting === 'own-account') await joinFromOwnAccount(link, given, options);
      else await joinPrivately(link, given, options);
    });
}

async function joinPrivately(
  link: InvitationLink,
  given: JoinOptions,
  options: GlobalOptions,
): Promise<void> {
  const asked = await join(link);
  const genesis = genesisOf(asked, link);
  const { member: id, validator, roles } = asked.invitation;
  const folder = given.folder ?? id;
  const { passphraseFile } = given;
  const { config, keyRing, member } = makePrivateMember(
    {
      id,
      name: given.name ?? id,
      validator,
      roles,
      identities: given.identity,
      endpoint: endpointOf(given, link, id),
      listen: listenOf(given.listen),
      ...(given.relay && { relay: await relayOf(given.relay, link) }),
    },
    {
      folder,
      genesis,
      gateway: link.gateway,
      passphrase: readPassphrase({ env: process.env, file: passphraseFile }),
      passphraseFile,
    },
  );
  const nodeKeyId = jwkThumbprint(member.nodeKey);
  let said = '';
  for (;;) {
    const answer = await patiently(() => join(link, { body: { member } }));
    const { invitation } = answer;
    const state = stateOf(invitation, nodeKeyId);
    if (state.text !== said) say(options, state.text);
    said = state.text;
    if (state.isOver || !given.wait) {
      return show(
        options,
        { invitation, config, keyRing },
        `\n  npx fuqi node start --config ${config}\n\nstarts the node: it fetches the ledger, and votes when it has. First API keys: ${keyRing}`,
      );
    }
    await delay(POLL_MS);
  }
}

const PHASES = {
  replacing: 'What is left of its last node here is taken away.',
  creating: 'Its node is being made.',
  voting: 'The members vote.',
  following: 'It is a member; its node fetches the ledger.',
  done: 'Its node votes.',
  undoing: 'What was made is taken away.',
  undone: 'Nothing is left of it.',
} as const;

async function joinAsHosted(
  link: InvitationLink,
  given: JoinOptions,
  options: GlobalOptions,
): Promise<void> {
  const { name, identity: identities } = given;
  const body = { ...(name !== undefined && { name }), identities };
  let said = '';
  for (;;) {
    const { onboarding, firstKeys, invitation } = await patiently(() => joinHosted(link, { body }));
    const { member, phase, reason } = onboarding;
    const keyRing = firstKeysFile(given.folder ?? member);
    if (firstKeys && !existsSync(keyRing)) {
      const { gateway: url, consortium } = link;
      writeKeyRing(keyRing, { url, consortium, member, keys: firstKeys });
      await joinHosted(link, { body: { kept: true } });
    }
    if (PHASES[phase] !== said) say(options, PHASES[phase]);
    said = PHASES[phase];
    if (phase === 'undone') throw new UserError(`${member} does not join. ${reason ?? ''}`.trim());
    if (phase === 'done' || !given.wait) {
      const document = { invitation, onboarding, keyRing };
      return show(options, document, `First API keys: ${keyRing}`);
    }
    await delay(POLL_MS);
  }
}

/** The relay's WebSocket: as told, or as the gateway says. */
async function relayOf(given: true | string, link: InvitationLink): Promise<string> {
  if (given !== true) return given;
  const { gateway: url, consortium } = link;
  const { socket } = (await call({ url, consortium, key: undefined }, '/relay')) as {
    socket: string;
  };
  return socket;
}

function endpointOf(
  { endpoint, listen, relay }: JoinOptions,
  { gateway, consortium }: InvitationLink,
  member: string,
): string {
  const behind = relay ? `${gateway}${relayDoor(consortium, member)}` : `http://${listen}`;
  const parsed = EndpointSchema.safeParse(endpoint ?? behind);
  if (parsed.success) return parsed.data;
  throw new UserError(`--endpoint takes ${parsed.error.issues[0]!.message}.`);
}

function listenOf(text: string): { readonly host: string; readonly port: number } {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host !== undefined && port !== undefined) return { host, port: Number(port) };
  throw new UserError(`--listen takes <host>:<port>, not "${text}".`);
}

function collectIdentity(
  value: string,
  before: Readonly<Record<string, string[]>>,
): Record<string, string[]> {
  const [name, roles = ''] = value.split('=', 2) as [string, string?];
  return { ...before, [name]: roles.split(',').filter((role) => role !== '') };
}
