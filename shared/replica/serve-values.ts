/**
 * Gives values of this node's vault to other members: under a grant, by the reader's signed request, which goes to the
 * ledger before anything is given; or as the contract says, to a reader that lacks them. What is given goes in an
 * envelope that the reader alone opens.
 */
import type { HeldValues } from '../api/ledger-service.ts';
import type { PublicJwk } from '../bytes/crypto.ts';
import type { Digest } from '../bytes/digest.ts';
import type { Request } from '../consensus/message.ts';
import { read as readDefinition } from '../contract/confidential-grants.ts';
import {
  CONFIDENTIAL,
  type Grant,
  grantKey,
  notGranted,
} from '../contract/confidential-records.ts';
import { checkSignature, checkWindow } from '../execution/admissible.ts';
import { decodeValue } from '../execution/decoded-values.ts';
import { callerOf, mayCall } from '../execution/run-transaction.ts';
import { revealed, revealedValues } from '../ledger/disclosure.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction, type Transaction } from '../ledger/transaction.ts';
import {
  attachmentsOf,
  type KeptValues,
  onlyFields,
  sizeOf,
  type ValueKeeper,
} from '../ports/value-keeper.ts';
import { BadMessage } from './bad-message.ts';
import { confirmHead } from './confirmed-head.ts';
import { keyRecord } from './key-record.ts';
import { attachmentsHere } from './read-attachment.ts';
import { definitionNow, memberRecord, readersOf, vaultKeyOfMember } from './readers.ts';
import type { Replica } from './replica.ts';
import { submit } from './submit.ts';
import { valuesRecord } from './values-record.ts';

/** Why nothing is given, in a word. */
export type ValuesRefusal =
  | NonNullable<ReturnType<typeof notGranted>>
  | 'erased'
  | 'forbidden'
  | 'head-not-confirmed'
  | 'malformed'
  | 'no-vault'
  | 'no-vault-key'
  | 'not-a-reader'
  | 'not-held'
  | 'not-recorded'
  | 'too-many'
  | 'unknown-key'
  | 'unknown-record';

type Given = readonly Uint8Array[] | ValuesRefusal;

/** Serves a signed request under a grant: an envelope for each record, in their order. */
export async function serveRead(replica: Replica, request: Uint8Array): Promise<Given> {
  const { keeper } = replica;
  if (!keeper) return 'no-vault';
  const transaction = decodeTransaction(request);
  if (transaction instanceof Rejected) {
    throw new BadMessage('undecodable', 'a request that is no transaction');
  }
  const { contract, method, args } = transaction.body;
  const asked = readDefinition.input.safeParse(args);
  if (contract !== CONFIDENTIAL || method !== 'read' || !asked.success) return 'malformed';
  // What was revoked or erased a moment ago may not be known here yet.
  if (!(await confirmHead(replica))) return 'head-not-confirmed';
  const reader = await readerOf(replica, transaction);
  if (typeof reader === 'string') return reader;
  const { grant, records: ids } = asked.data;
  const chosen: KeptValues[] = [];
  for (const id of ids as Digest[]) {
    const found = await granted(replica, keeper, { reader: reader.member, grant, id });
    if (typeof found === 'string') return found;
    chosen.push(found);
  }
  const size = chosen.reduce((sum, values) => sum + sizeOf(values), 0);
  if (size > GIVEN_BYTES_MAX) return 'too-many';
  // Durable, so that it will stand in a block: then only is anything given.
  const recorded = await submit(replica, transaction, 0);
  if (recorded instanceof Rejected || recorded.status === 'rejected') return 'not-recorded';
  return Promise.all(chosen.map((values) => keeper.wrap(reader.vaultKey, [values])));
}

/** All values of one answer, before they are encrypted: it fits a message. */
const GIVEN_BYTES_MAX = 1024 * 1024;

/** Whose request it is, where the signature, the time and the roles are right. */
async function readerOf(
  replica: Replica,
  transaction: Transaction,
): Promise<{ readonly member: string; readonly vaultKey: PublicJwk } | ValuesRefusal> {
  const { ledger, head, epoch, ports } = replica;
  const time = Math.max(head.header.time, ports.time.now());
  const keyId = transaction.keyIds[0]!;
  const key = await keyRecord(replica, keyId);
  if (!key) return 'unknown-key';
  if (checkSignature(transaction, 0, key.jwk)) {
    throw new BadMessage('forged-transaction', 'a request that does not check');
  }
  if (checkWindow(transaction, ledger, time, epoch.parameters.transactionWindowMs)) {
    return 'expired';
  }
  const member = await memberRecord(replica, key.member);
  if (!member?.active) return 'unknown-key';
  if (!mayCall(CONFIDENTIAL, readDefinition.roles, callerOf(keyId, key, member))) {
    return 'forbidden';
  }
  const vaultKey = await vaultKeyOfMember(replica, key.member);
  return vaultKey ? { member: key.member, vaultKey } : 'no-vault-key';
}

/** The values that a grant covers, as much of them as it names. */
async function granted(
  replica: Replica,
  keeper: ValueKeeper,
  {
    reader,
    grant: grantId,
    id,
  }: { readonly reader: string; readonly grant: string; readonly id: Digest },
): Promise<KeptValues | ValuesRefusal> {
  const record = await valuesRecord(replica, id);
  if (!record) return 'unknown-record';
  if (record.erasedAt !== null) return 'erased';
  const stored = await replica.final.read(grantKey(record.owner, grantId));
  const grant = stored && (decodeValue(stored) as unknown as Grant);
  const time = Math.max(replica.head.header.time, replica.ports.time.now());
  const flaw = notGranted(grant ?? undefined, { reader, id, record, time });
  if (flaw) return flaw;
  const kept = await keeper.read(id);
  if (!kept) return 'not-held';
  const { fields } = grant!;
  return fields ? onlyFields(kept, fields) : kept;
}

/** Gives a member what it reads of a transaction by its contract: an envelope, where there is any such field. */
export async function serveFetch(replica: Replica, from: string, id: Digest): Promise<Given> {
  const { keeper } = replica;
  if (!keeper) return 'no-vault';
  const given = await readBy(replica, keeper, from, id);
  if (typeof given === 'string') return given;
  const vaultKey = await vaultKeyOfMember(replica, from);
  if (!vaultKey) return 'no-vault-key';
  return [await keeper.wrap(vaultKey, [given])];
}

/** A part of an attachment, as it is sealed, for a member that reads the values that name it. */
export async function serveAttachment(
  replica: Replica,
  from: string,
  { transaction: id, sealed, part, grant }: Request & { readonly kind: 'attachment' },
): Promise<Given> {
  const { keeper } = replica;
  if (!keeper) return 'no-vault';
  if (grant !== null && !(await confirmHead(replica))) return 'head-not-confirmed';
  const values =
    grant === null
      ? await readBy(replica, keeper, from, id)
      : await granted(replica, keeper, { reader: from, grant, id });
  if (typeof values === 'string') return values;
  const attachment = attachmentsOf(values).find((one) => one.sealed === sealed);
  if (!attachment) return 'not-a-reader';
  const bytes = await keeper.attachments.sealedPart({ transaction: id, attachment }, part);
  return bytes ? [bytes] : 'not-held';
}

/** What a member reads of a transaction by its contract. */
async function readBy(
  replica: Replica,
  keeper: ValueKeeper,
  from: string,
  id: Digest,
): Promise<KeptValues | ValuesRefusal> {
  const record = await valuesRecord(replica, id);
  if (!record) return 'unknown-record';
  if (record.erasedAt !== null) return 'erased';
  const kept = await keeper.read(id);
  if (!kept) return 'not-held';
  const { contract: name, method, args } = kept.transaction.body;
  const definition = await definitionNow(replica, name, method);
  if (!definition) return 'not-held';
  const all = { ...args, ...revealedValues(args, kept.disclosures) };
  const fields = (await readersOf(replica, name, definition.input, all)).get(from);
  const given = record.owner === from ? kept : fields && onlyFields(kept, fields);
  return given ?? 'not-a-reader';
}

/** What is held of a transaction, without the values themselves. */
export async function heldOf(
  replica: Replica,
  keeper: ValueKeeper,
  kept: KeptValues,
): Promise<HeldValues> {
  const { transaction, disclosures } = kept;
  const { id, body, keyIds } = transaction;
  const owner = (await keyRecord(replica, keyIds[0]!))?.member ?? '';
  const fields = [...revealed(body.args, disclosures).keys()].sort();
  const attachments = await attachmentsHere(keeper, kept);
  return {
    ...{ transaction: id, contract: body.contract, method: body.method, owner, fields },
    ...(attachments.named > 0 && { attachments }),
  };
}
