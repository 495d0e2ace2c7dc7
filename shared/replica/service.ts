/** What a node offers its clients (`shared/api/ledger-service.ts`), over its replica. */
import type {
  BlockSummary,
  ConsensusStatus,
  LedgerService,
  MemberInfo,
} from '../api/ledger-service.ts';
import { decodeCbor, type Value } from '../bytes/cbor.ts';
import { currentRound } from '../consensus/safety.ts';
import { invalidArguments } from '../contract/argument-issues.ts';
import { confidentialFields, signedInput } from '../contract/confidential.ts';
import type { Contract, TransactionDefinition } from '../contract/define.ts';
import {
  type KeyRecord,
  type MemberRecord,
  type RosterRecord,
  SYSTEM_KEYS,
} from '../contract/system-records.ts';
import { genesisBlock } from '../execution/genesis-block.ts';
import { callerOf } from '../execution/run-transaction.ts';
import { prefixRange } from '../execution/view.ts';
import { type Block, blockId } from '../ledger/block.ts';
import type { Evidence } from '../ledger/evidence.ts';
import { LIMITS } from '../ledger/limits.ts';
import type { Receipt } from '../ledger/receipt.ts';
import { Rejected, rejected } from '../ledger/rejection.ts';
import { decodeTransaction } from '../ledger/transaction.ts';
import type { Custody } from '../ports/custody.ts';
import { readGranted } from './ask-values.ts';
import { submitCustodial } from './custodial.ts';
import { submitConfidential, submitDisclosed } from './custodial-confidential.ts';
import { eventsAfter } from './events.ts';
import { finalBlock, finalHeader } from './history.ts';
import { ownTransactions } from './own-transactions.ts';
import { ownValues } from './own-values.ts';
import { evidenceProofOf, receiptOf, stateProofOf } from './prove.ts';
import { answerQuery, Snapshot } from './query.ts';
import { attachmentOf, grantedAttachment, ownAttachment } from './read-attachment.ts';
import { contractNow } from './readers.ts';
import { isRecovering } from './recover.ts';
import { leaderNow, otherMembers, otherValidators, ownIndex, type Replica } from './replica.ts';
import { notRetained } from './retained.ts';
import { heldOf } from './serve-values.ts';
import { shownEventsAfter } from './shown-events.ts';
import { finalStatus, pendingStatus, submit } from './submit.ts';
import { refuseWhileMoving } from './vault-place.ts';

const SCAN_MAX = 4096;

/** Builds the service of a node. */
export function ledgerService(replica: Replica, custody: Custody): LedgerService {
  const genesis = genesisSummary(replica);
  const headHeight = (): number => replica.head.header.height!;

  const block = async (height: number): Promise<BlockSummary | undefined> => {
    if (height === 0) return genesis;
    if (height < replica.retained.state || height > headHeight()) return undefined;
    return summaryAt(replica, height);
  };

  const scan = async (prefix: string): Promise<Value[]> => {
    const snapshot = new Snapshot(replica, headHeight());
    const entries = await snapshot.range(prefixRange(prefix, SCAN_MAX));
    return entries.map(({ value }) => decodeCbor(value) as Value);
  };

  let contracts: { readonly epoch: number; readonly list: readonly Contract[] } | undefined;
  const activeContracts = async (): Promise<readonly Contract[]> => {
    const { epoch } = replica.epoch.set;
    // What is in force changes at the start of an epoch only.
    if (contracts?.epoch === epoch) return contracts.list;
    const names = new Set(replica.catalog.entries.map(({ contract }) => contract.name));
    const found = await Promise.all([...names].map((name) => contractNow(replica, name)));
    const list = found.filter((contract) => contract !== undefined);
    contracts = { epoch, list };
    return list;
  };

  const definitionOf = async (
    contractName: string,
    method: string,
  ): Promise<TransactionDefinition | Rejected> => {
    const contract = await contractNow(replica, contractName);
    if (!contract)
      return rejected('unknown-contract', 'No such contract is active.', { got: contractName });
    const definition = Object.hasOwn(contract.transactions, method)
      ? contract.transactions[method]
      : undefined;
    if (!definition) {
      const expected = Object.keys(contract.transactions);
      return rejected('unknown-method', 'No such method.', { got: method, expected });
    }
    return definition;
  };

  /** What the schema says is wrong, in full, before a transaction takes room in a block. */
  const checkArguments = async (
    contractName: string,
    method: string,
    args: Value,
  ): Promise<Rejected | undefined> => {
    const definition = await definitionOf(contractName, method);
    if (definition instanceof Rejected) return definition;
    const parsed = signedInput(definition.input).safeParse(args);
    if (parsed.success) return undefined;
    return invalidArguments(parsed.error);
  };

  const service: LedgerService = {
    genesis: replica.genesis,
    ledger: replica.ledger,
    member: replica.member,

    async submit(transaction, waitMs) {
      const { contract, method, args } = transaction.body;
      return (
        (await checkArguments(contract, method, args)) ??
        submit(replica, transaction, Math.min(waitMs, LIMITS.waitMsMax))
      );
    },

    async submitDisclosed(values, waitMs) {
      const { contract, method } = values.transaction.body;
      const definition = await definitionOf(contract, method);
      if (definition instanceof Rejected) return definition;
      if (confidentialFields(definition.input).size === 0 && values.disclosures.length === 0) {
        return service.submit(values.transaction, waitMs);
      }
      const { keeper } = replica;
      if (!keeper) {
        return rejected('no-vault', 'This node has no vault to keep the values in.');
      }
      const moving = await refuseWhileMoving(replica, keeper);
      if (moving) return moving;
      const waited = Math.min(waitMs, LIMITS.waitMsMax);
      return submitDisclosed(replica, keeper, service, definition, values, waited);
    },

    async submitCustodial(identity, call, waitMs) {
      const definition = await definitionOf(call.contract, call.method);
      if (definition instanceof Rejected) return definition;
      const { input } = definition;
      if (confidentialFields(input).size === 0) {
        return submitCustodial(replica, custody, service, identity, call, waitMs);
      }
      const { keeper } = replica;
      if (!keeper) {
        return rejected(
          'no-vault',
          'This call has confidential fields, and this node has no vault to keep them in: split and sign it yourself.',
          { got: `${call.contract}.${call.method}` },
        );
      }
      const parsed = input.safeParse(call.args);
      if (!parsed.success) {
        return invalidArguments(parsed.error);
      }
      const moving = await refuseWhileMoving(replica, keeper);
      if (moving) return moving;
      return submitConfidential(
        replica,
        custody,
        keeper,
        service,
        identity,
        definition,
        call,
        waitMs,
      );
    },
    values: (id, caller) => ownValues(replica, id, caller),
    async held(after, limit) {
      const { keeper } = replica;
      if (!keeper) return [];
      const kept = await keeper.held({ limit, ...(after && { after }) });
      return Promise.all(kept.map((values) => heldOf(replica, keeper, values)));
    },
    async grantedValues(identity, grant, ids) {
      const { keeper } = replica;
      if (!keeper) {
        return rejected('no-vault', 'This node has no vault, so nobody can encrypt to it.');
      }
      const moving = await refuseWhileMoving(replica, keeper);
      if (moving) return moving;
      return readGranted(replica, custody, keeper, identity, grant, ids);
    },
    uploads: replica.keeper?.attachments,
    vault: async () => {
      const { keeper } = replica;
      if (!keeper) return undefined;
      const moving = await refuseWhileMoving(replica, keeper);
      return { key: keeper.key, moving };
    },
    async attachment(values, digest, grant) {
      const attached = attachmentOf(values, digest);
      // Who has no vault has no values.
      if (!attached) return undefined;
      return grant === undefined
        ? ownAttachment(replica, replica.keeper!, attached)
        : grantedAttachment(replica, replica.keeper!, attached, grant);
    },

    async transaction(id) {
      return (await finalStatus(replica, id)) ?? pendingStatus(replica, id);
    },
    receipt: (id) => receiptOf(replica, id),
    async ownReceipts(from, limit) {
      const { ids, ...rest } = await ownTransactions(replica, from, limit);
      const receipts = await Promise.all(ids.map((id) => receiptOf(replica, id)));
      if (receipts.includes(undefined)) throw new Error('a final transaction has no receipt');
      return { receipts: receipts as Receipt[], ...rest };
    },
    evidenceProof: (id) => evidenceProofOf(replica, id),
    async head() {
      return headHeight() === 0 ? genesis : summaryAt(replica, headHeight());
    },
    block,
    async blocks(before, limit) {
      const top = Math.min(before - 1, headHeight());
      const heights = Array.from(
        { length: Math.max(0, Math.min(limit, top + 1 - replica.retained.state)) },
        (_, i) => top - i,
      );
      const found = await Promise.all(heights.map(block));
      return found.filter((summary) => summary !== undefined);
    },

    async state(key, at, withProof) {
      const height = at ?? headHeight();
      const refused = checkHeight(replica, height);
      if (refused) return refused;
      const bytes = await new Snapshot(replica, height).value(key);
      const value = bytes && (decodeCbor(bytes) as Value);
      if (!withProof || height === 0) return { height, value };
      return { height, value, proof: await stateProofOf(replica, key, height) };
    },

    async query(contractName, name, input, caller, at) {
      const height = at ?? headHeight();
      const refused = checkHeight(replica, height);
      if (refused) return refused;
      const contract = await contractNow(replica, contractName);
      const definition = contract?.queries[name];
      if (!contract)
        return rejected('unknown-contract', 'No such contract is active.', { got: contractName });
      if (!definition) return rejected('unknown-method', 'No such query.', { got: name });
      const { time } = height === 0 ? genesis.header : await finalHeader(replica, height);
      const facts = { height, time };
      const output = await answerQuery(replica, facts, contract, definition, input, caller);
      return output instanceof Rejected ? output : { height, output };
    },

    activeContracts,

    async keptAs(identity) {
      const bytes = await replica.final.read(SYSTEM_KEYS.roster(replica.member));
      const roster = bytes && (decodeCbor(bytes) as unknown as RosterRecord);
      const keyId = roster?.identities[identity]?.keyId;
      return keyId === undefined ? undefined : custody.identityOf(keyId);
    },

    async identity(name) {
      const keyId = custody.keyId(name);
      if (!keyId) return undefined;
      const read = async (key: string) => {
        const bytes = await replica.final.read(key);
        return bytes ? (decodeCbor(bytes) as unknown) : undefined;
      };
      const key = (await read(SYSTEM_KEYS.key(keyId))) as KeyRecord | undefined;
      const member =
        key && ((await read(SYSTEM_KEYS.member(key.member))) as MemberRecord | undefined);
      return key && member ? callerOf(keyId, key, member) : undefined;
    },

    events: (after, limit) => eventsAfter(replica, after, limit),
    async shownEvents(after, limit, name, fits) {
      const reader = name === undefined ? 'administrators' : await service.identity(name);
      return shownEventsAfter(replica, after, limit, reader, fits);
    },
    onNews(listener) {
      const { commitListeners, valueListeners } = replica;
      for (const listeners of [commitListeners, valueListeners]) listeners.add(listener);
      return () => {
        for (const listeners of [commitListeners, valueListeners]) listeners.delete(listener);
      };
    },

    async members() {
      const members = (await scan(SYSTEM_KEYS.members)) as unknown as MemberRecord[];
      const offences = (await scan(SYSTEM_KEYS.offences)) as unknown as Evidence[];
      return members
        .filter(({ active }) => active)
        .map(
          ({ id, name, hosting, validator, roles }): MemberInfo => ({
            id,
            name,
            hosting,
            validator,
            roles,
            offences: offences.filter(({ member }) => member === id).length,
          }),
        );
    },

    async consensus() {
      return consensusStatus(replica);
    },
  };
  return service;
}

function checkHeight(replica: Replica, height: number): Rejected | undefined {
  const head = replica.head.header.height!;
  const { state } = replica.retained;
  if (height >= state && height <= head) return undefined;
  if (height >= 0 && height < state) return notRetained('the state', height, state);
  return rejected('malformed', 'No such height is final on this node.', {
    pointer: '/at',
    got: height,
    expected: head,
  });
}

function genesisSummary(replica: Replica): BlockSummary {
  const { point } = genesisBlock(replica.genesis);
  return { id: point.id, header: point.header, transactions: [] };
}

/** A final block from `retained.state` on; without its transactions where the body is not kept. */
async function summaryAt(replica: Replica, height: number): Promise<BlockSummary> {
  if (height >= replica.retained.bodies) return summaryOf(await finalBlock(replica, height));
  const header = await finalHeader(replica, height);
  return { id: blockId(header), header, transactions: null };
}

function summaryOf({ id, header, transactions }: Block): BlockSummary {
  const ids = transactions.map((bytes) => {
    const transaction = decodeTransaction(bytes);
    if (transaction instanceof Rejected) throw new Error(`block ${id} holds a damaged transaction`);
    return transaction.id;
  });
  return { id, header, transactions: ids };
}

async function consensusStatus(replica: Replica): Promise<ConsensusStatus> {
  const fault = await replica.ports.signer.fault?.();
  // While a key is rotated, the other one may do.
  const cannotSign = fault !== undefined && ownIndex(replica) < 0;
  const { header, id } = replica.head;
  const round = currentRound(replica.record);
  const waiting = replica.rings > 1;
  const busy = replica.mempool.size > 0 || replica.driving !== null;
  return {
    member: replica.member,
    state: cannotSign
      ? 'unable-to-sign'
      : isRecovering(replica)
        ? 'recovering'
        : waiting
          ? 'waiting'
          : busy
            ? 'committing'
            : 'idle',
    epoch: replica.epoch.set.epoch,
    round,
    leader: leaderNow(replica),
    height: header.height!,
    headId: id,
    headTime: header.time,
    retained: replica.retained,
    pending: replica.mempool.size,
    heights: heightsOf(replica),
    missing: [...replica.missing],
  };
}

function heightsOf(replica: Replica): ConsensusStatus['heights'] {
  const { heights, head } = replica;
  const highest = Math.max(head.header.height!, ...heights.values());
  const validators = new Set(otherValidators(replica));
  return otherMembers(replica).map((member) => {
    const height = heights.get(member) ?? null;
    const lag = height === null ? null : highest - height;
    return { member, validator: validators.has(member), height, lag };
  });
}
