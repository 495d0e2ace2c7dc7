/** A consortium of the e-invoice case on real replicas with vaults, and calls that its parties make. */
import assert from 'node:assert/strict';
import { createHash, randomInt, randomUUID } from 'node:crypto';
import type { Digest } from '../../../shared/bytes/digest.ts';
import { revealedValues } from '../../../shared/ledger/disclosure.ts';
import { Rejected } from '../../../shared/ledger/rejection.ts';
import { contracts } from '../../../workloads/catalog.ts';
import type { InvoiceDocument } from '../../../workloads/invoice/document.ts';
import { LocalNetwork } from '../../support/local-network.ts';

/** Who calls, by name: its member, and its role in the contract. */
const PARTIES = {
  officer: ['tax-bureau', 'tax-bureau'],
  platform: ['payment-platform', 'payment-platform'],
  seller: ['corner-shop', 'seller'],
  rival: ['other-shop', 'seller'],
  ann: ['buyer-co', 'employee'],
  bob: ['buyer-co', 'employee'],
  fin: ['buyer-co', 'finance'],
  'rival-employee': ['other-shop', 'employee'],
  'rival-fin': ['other-shop', 'finance'],
} as const;
export type Party = keyof typeof PARTIES;
export const MEMBERS = [...new Set(Object.values(PARTIES).map(([member]) => member))];

/** A 20-digit number. */
export const number = (n: number): string => String(n).padStart(20, '0');

/** 20 random digits. */
export const newCheckCode = (): string => Array.from({ length: 20 }, () => randomInt(10)).join('');

/** What `sha256sum` prints of the text that the contract's page names. */
export const checkOf = (issuedOn: string, code: string): string =>
  createHash('sha256').update(`${issuedOn} ${code}`).digest('hex');

export class EInvoices {
  readonly network: LocalNetwork;
  #last: string = MEMBERS[0]!;

  static async open(): Promise<EInvoices> {
    const identities = Object.entries(PARTIES).map(([name, [member, role]]) => ({
      ...{ member, name, roles: [`einvoice.${role}`] },
    }));
    const options = { members: MEMBERS, catalog: contracts, identities, vaults: true };
    return new EInvoices(await LocalNetwork.open(options));
  }

  private constructor(network: LocalNetwork) {
    this.network = network;
  }

  /** Ends in `committed`, or in what it was refused with: the code of a refusal, and the contract's reason. */
  async call(party: Party, method: string, args: object) {
    const call = { contract: 'einvoice', method, args: args as never };
    const [member] = PARTIES[party];
    this.#last = member;
    const service = this.network.service(member);
    const outcome = await service.submitCustodial(party, call, 20_000);
    if (outcome instanceof Rejected) {
      const { code, reason } = outcome.rejection;
      return { end: reason === undefined ? code : `${code} ${reason}` };
    }
    if (!('result' in outcome)) return { end: outcome.status };
    const { id, result } = outcome;
    if (result.status === 'rejected') return { end: `rejected ${result.rejection.reason}`, id };
    return { end: 'committed', id, output: result.output as Record<string, string> };
  }

  /** One that has to be committed. */
  async done(party: Party, method: string, args: object) {
    const { end, id, output } = await this.call(party, method, args);
    assert.equal(end, 'committed', method);
    return { id: id as Digest, output: output! };
  }

  /** Gives a seller numbers and credit. */
  async allot(merchant: string, from: number, limit: number): Promise<void> {
    const range = { from: number(from), to: number(from + 99) };
    await this.done('officer', 'allotNumbers', { merchant, ...range });
    await this.done('officer', 'setCreditLimit', { merchant, currency: 'CNY', limit });
  }

  /** Records a payment; answers its id. */
  async pay(amount: number, more: object = {}): Promise<string> {
    const id = randomUUID();
    const payment = { payee: 'corner-shop', currency: 'CNY', amount, reference: `wx-${id}` };
    await this.done('platform', 'recordPayment', { id, ...payment, ...more });
    return id;
  }

  /** The arguments of an invoice over a document. */
  issuing(document: InvoiceDocument, payments: readonly string[], more: object = {}) {
    const checkCode = newCheckCode();
    const check = checkOf(document.issuedOn, checkCode);
    return { ...document, payments, check, checkCode, to: 'buyer-co', ...more };
  }

  /** Pays for, and issues; answers the number and the transaction. */
  async issued(document: InvoiceDocument, more: object = {}) {
    const payments = [await this.pay(document.gross)];
    const { id, output } = await this.done(
      'seller',
      'issue',
      this.issuing(document, payments, more),
    );
    return { id, number: output.number! };
  }

  /** The fields of a transaction that one of a member's people is shown, or why none. */
  async shown(party: Party, id: string): Promise<string[] | string> {
    const service = this.network.service(PARTIES[party][0]);
    const values = await service.values(id as Digest, await service.identity(party));
    if (!values) return 'none';
    if (values instanceof Rejected) return values.rejection.code;
    const { transaction, disclosures } = values;
    return Object.keys(revealedValues(transaction.body.args, disclosures)).sort();
  }

  /** An answer of a member's node; of that which called last, which has what came of it. */
  async query(method: string, input: object, member: string = this.#last) {
    const answer = await this.network
      .service(member)
      .query('einvoice', method, input as never, undefined);
    assert.ok(!(answer instanceof Rejected), JSON.stringify(answer));
    return answer.output as Record<string, string>;
  }
}
