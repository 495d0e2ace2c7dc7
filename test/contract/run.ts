/**
 * Contracts over a state in a map, with the rules of execution: the caller's roles, schemas of
 * inputs, outputs, records and events, declared reasons; a refused call leaves nothing behind.
 */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { toValue, type Value } from '../../shared/bytes/cbor.ts';
import { jwkThumbprint, type PublicJwk } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { bindContext, bindQueryContext, ContractRejection } from '../../shared/contract/bind.ts';
import { signedInput, splitArguments } from '../../shared/contract/confidential.ts';
import type { Caller, StateAccess } from '../../shared/contract/context.ts';
import type { Contract } from '../../shared/contract/define.ts';
import { genesisState } from '../../shared/contract/genesis-state.ts';
import {
  effectiveRoles,
  type KeyRecord,
  type MemberRecord,
  SYSTEM_KEYS,
} from '../../shared/contract/system-records.ts';
import { guarded } from '../../shared/execution/guards.ts';
import type { Arguments } from '../../shared/ledger/disclosure.ts';
import type { Genesis, GenesisMember } from '../../shared/ledger/genesis.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import type { ContractEvent } from '../../shared/ledger/result.ts';

/** What became of a call. */
export type Answer =
  | { readonly ok: true; readonly output: Value; readonly events: readonly ContractEvent[] }
  | {
      readonly ok: false;
      readonly code: 'invalid-arguments' | 'forbidden' | 'contract-rejected' | 'contract-error';
      readonly reason?: string;
      readonly message: string;
      readonly got?: Value | undefined;
      readonly expected?: Value | undefined;
    };

export const LEDGER = '1'.repeat(64) as Digest;

/** State in a map; `write` collects what a call puts until it is done. */
class MapState implements StateAccess {
  readonly #base: ReadonlyMap<string, Value>;
  readonly writes = new Map<string, Value | undefined>();
  constructor(base: ReadonlyMap<string, Value>) {
    this.#base = base;
  }
  get(key: string): Value | undefined {
    return structuredClone(this.writes.has(key) ? this.writes.get(key) : this.#base.get(key));
  }
  put(key: string, value: Value): void {
    this.writes.set(key, value);
  }
  delete(key: string): void {
    this.writes.set(key, undefined);
  }
  scan(from: string, to: string, limit: number): { key: string; value: Value }[] {
    const keys = [...new Set([...this.#base.keys(), ...this.writes.keys()])]
      .filter((key) => compare(key, from) >= 0 && compare(key, to) < 0)
      .sort(compare);
    return keys
      .flatMap((key) => {
        const value = this.get(key);
        return value === undefined ? [] : [{ key, value }];
      })
      .slice(0, limit);
  }
}

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** A ledger of these contracts; `state` is what its committed calls left. */
export class TestLedger {
  readonly state: Map<string, Value>;
  /** Block time of the next call. */
  time = Date.UTC(2026, 2, 1);
  readonly #contracts: readonly Contract[];
  #count = 0;

  constructor(contracts: readonly Contract[], state: Iterable<readonly [string, Value]> = []) {
    this.#contracts = contracts;
    this.state = new Map(state);
  }

  call(caller: Caller, contractName: string, method: string, args: unknown): Answer {
    const contract = this.#contract(contractName);
    const definition = contract.transactions[method];
    assert.ok(definition, `${contractName} has no transaction ${method}`);
    if (!mayCall(contract, definition.roles, caller)) {
      return { ok: false, code: 'forbidden', message: definition.roles.join() };
    }
    const input = definition.input.safeParse(args);
    if (!input.success) {
      return { ok: false, code: 'invalid-arguments', message: input.error.message };
    }
    const access = new MapState(this.state);
    const events: ContractEvent[] = [];
    const transactionId = createHash('sha256')
      .update(`${this.#count++}`)
      .digest('hex') as Digest;
    const context = bindContext(contract, access, {
      caller,
      endorsers: [],
      time: this.time,
      transactionId,
      ledger: LEDGER,
      rejects: definition.rejects ?? [],
      emit: (event) => events.push(event),
    });
    try {
      // As execution does: what is confidential does not come here.
      const { args: signed } = splitArguments(definition.input, args as Arguments, () =>
        randomBytes(16),
      );
      const open = signedInput(definition.input).parse(signed);
      const output = toValue(guarded(() => definition.apply(context, open)));
      definition.output.parse(output);
      for (const [key, value] of access.writes) {
        if (value === undefined) this.state.delete(key);
        else this.state.set(key, value);
      }
      return { ok: true, output, events };
    } catch (error) {
      if (error instanceof ContractRejection) {
        const { reason, message, more } = error;
        return { ok: false, code: 'contract-rejected', reason, message, ...more };
      }
      return { ok: false, code: 'contract-error', message: String(error) };
    }
  }

  /** Answers a query, or the reason of its refusal. */
  query(caller: Caller | undefined, contractName: string, name: string, input: unknown = {}) {
    const contract = this.#contract(contractName);
    const definition = contract.queries[name];
    assert.ok(definition, `${contractName} has no query ${name}`);
    assert.ok(
      definition.roles.length === 0 || (caller && mayCall(contract, definition.roles, caller)),
    );
    const context = bindQueryContext(contract, new MapState(this.state), {
      caller,
      time: this.time,
      height: 1,
    });
    try {
      const output = toValue(
        guarded(() => definition.answer(context, definition.input.parse(input))),
      );
      definition.output.parse(output);
      return output as { [key: string]: Value };
    } catch (error) {
      if (error instanceof ContractRejection) return { refused: error.reason };
      throw error;
    }
  }

  /** A caller with the roles that its key has now. */
  caller(keyId: string): Caller {
    const key = this.state.get(SYSTEM_KEYS.key(keyId)) as unknown as KeyRecord;
    const member = this.state.get(SYSTEM_KEYS.member(key.member)) as MemberRecord | undefined;
    return { member: key.member, name: key.name, keyId, roles: effectiveRoles(key, member) };
  }

  #contract(name: string): Contract {
    const contract = this.#contracts.find((candidate) => candidate.name === name);
    assert.ok(contract, `no contract ${name}`);
    return contract;
  }
}

const mayCall = (contract: Contract, roles: readonly string[], caller: Caller): boolean =>
  roles.length === 0 ||
  roles.some((role) => caller.roles.includes(role === 'admin' ? role : `${contract.name}.${role}`));

/** The output of a call that has to succeed. */
export function output<T = { [key: string]: Value }>(answer: Answer): T {
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.output as T;
}

/** The contract's reason, or the code, of a call that has to be refused. */
export function refusal(answer: Answer): string {
  assert.ok(!answer.ok, 'the call was committed');
  return answer.reason ?? `${answer.code}: ${answer.message}`;
}

/** A new P-256 key's public half. */
export function newKey(): PublicJwk {
  const { kty, crv, x, y } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
    format: 'jwk',
  });
  return { kty, crv, x, y } as PublicJwk;
}

/** A genesis document of these members; each gets keys of its own and one administrator. */
export function genesisOf(
  members: readonly (Pick<GenesisMember, 'id'> & Partial<GenesisMember>)[],
): Genesis {
  return {
    format: 'fuqi-genesis-1',
    consortium: 'test',
    time: 0,
    visibility: 'public',
    parameters: DEFAULT_PARAMETERS,
    members: members.map((member) => newMember(member)),
    contracts: [
      { name: 'governance', version: 1, codeHash: 'a'.repeat(64) },
      { name: 'identity', version: 1, codeHash: 'b'.repeat(64) },
    ],
  };
}

/** A member with keys of its own and one administrator. */
export const newMember = (
  member: Pick<GenesisMember, 'id'> & Partial<GenesisMember>,
): GenesisMember => ({
  name: member.id,
  hosting: 'private',
  validator: true,
  nodeKey: newKey(),
  peerKey: newKey(),
  roles: [],
  identities: [{ name: 'admin', key: newKey(), roles: ['admin'] }],
  ...member,
});

/** A ledger in the state of a genesis document, and the administrator of each member. */
export function startedLedger(contracts: readonly Contract[], genesis: Genesis) {
  const ledger = new TestLedger(contracts, genesisState(genesis));
  const keyIds = new Map(
    genesis.members.map(({ id, identities }) => [id, jwkThumbprint(identities[0]!.key)]),
  );
  const admin = (member: string): Caller => ledger.caller(keyIds.get(member)!);
  return { ledger, admin };
}
