/**
 * Whatever sequence of calls comes in, endorsed or not: what validators keep of confidential invoices holds by itself.
 * Nothing here is endorsed, as if the bureau's node let everything pass.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { governance } from '../../../shared/contract/governance.ts';
import { identity } from '../../../shared/contract/identity.ts';
import { einvoiceContract } from '../../../workloads/einvoice/contract.ts';
import type { Claim, Invoice } from '../../../workloads/einvoice/records.ts';
import { genesisOf, startedLedger, TestLedger } from '../../contract/run.ts';
import { documentOf, lines } from '../invoice/market.ts';
import { checkOf, newCheckCode, number } from './parties.ts';

const contracts = [governance, identity, einvoiceContract];
const genesis = genesisOf([
  { id: 'bureau', roles: ['einvoice.tax-bureau', 'einvoice.payment-platform'] },
  { id: 'shop', roles: ['einvoice.seller', 'einvoice.employee'] },
  { id: 'rival', roles: ['einvoice.seller', 'einvoice.employee', 'einvoice.finance'] },
  { id: 'works', roles: ['einvoice.employee', 'einvoice.finance'] },
]);
const start = startedLedger(contracts, genesis).ledger.state;

const CALLERS = {
  officer: ['bureau', 'tax-bureau', 'payment-platform'],
  seller: ['shop', 'seller', 'employee'],
  rival: ['rival', 'seller', 'employee', 'finance'],
  ann: ['works', 'employee', 'finance'],
  fin: ['works', 'finance'],
} as const;
type Name = keyof typeof CALLERS;
const RANGES = { shop: [1, 6], rival: [7, 12] } as const;

/** From which statuses a call leads to which. */
const MOVES: Readonly<Record<string, readonly [from: readonly string[], to: string]>> = {
  reverse: [['issued'], 'reversed'],
  reverseInPart: [['issued'], 'issued'],
  deliver: [['issued'], 'issued'],
  claim: [['issued'], 'claimed'],
  approve: [['claimed'], 'approved'],
  refuse: [['claimed', 'approved'], 'issued'],
  withdraw: [['claimed'], 'issued'],
  credited: [['approved'], 'credited'],
};

const CLAIM_STEPS = ['claim', 'approve', 'refuse', 'withdraw', 'credited'];

const document = documentOf(lines([100, 1300]));
const { rounding, issuedOn, net, tax, gross } = document;
const part = {
  rounding,
  issuedOn,
  lines: document.lines,
  net,
  tax,
  gross,
  reason: 'goods-returned',
};
const paymentId = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;

const payment = (id: string) => ({
  ...{ id, reference: 'r', payee: 'shop', currency: 'CNY', amount: document.gross },
});
function issuing(payments: readonly string[], chosen: string | undefined) {
  const checkCode = newCheckCode();
  const check = checkOf(document.issuedOn, checkCode);
  return { ...document, payments, number: chosen, check, checkCode, to: 'works' };
}

/** Mostly who may: what a role forbids says little. */
const CALLS: readonly (readonly [method: string, ...names: Name[]])[] = [
  ['recordPayment', 'officer'],
  ['issue', 'seller', 'rival', 'officer'],
  ['declare', 'seller', 'rival'],
  ['reverse', 'seller', 'rival', 'ann'],
  ['reverseInPart', 'seller', 'rival', 'ann'],
  ['credit', 'seller', 'rival', 'ann'],
  ['deliver', 'seller', 'ann'],
  ['claim', 'ann', 'ann', 'rival'],
  ['approve', 'fin', 'ann', 'fin', 'rival'],
  ['refuse', 'fin', 'rival'],
  ['withdraw', 'ann', 'rival'],
  ['credited', 'fin', 'fin', 'rival'],
];
const pairs = CALLS.flatMap(([method, ...names]) => names.map((name) => [method, name] as const));

const step = fc.record({
  call: fc.constantFrom(...pairs),
  // Mostly numbers that are in use before long.
  of: fc
    .oneof({ weight: 6, arbitrary: fc.constantFrom(1, 2, 7) }, fc.integer({ min: 1, max: 13 }))
    .map(number),
  /** What is claimed besides. */
  also: fc.option(fc.constantFrom(1, 2, 7).map(number), { nil: undefined }),
  chosen: fc.option(fc.integer({ min: 1, max: 13 }).map(number), { nil: undefined }),
  payments: fc.uniqueArray(fc.integer({ min: 0, max: 5 }).map(paymentId), { maxLength: 2 }),
  isCurrent: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
  isStale: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
});

const invoicesOf = ({ state }: TestLedger): Map<string, Invoice> =>
  new Map(
    [...state].flatMap(([key, value]) =>
      key.startsWith('einvoice/invoice/')
        ? [[key.slice('einvoice/invoice/'.length), value as unknown as Invoice] as const]
        : [],
    ),
  );

const claimOf = ({ state }: TestLedger, id: string): Claim | undefined =>
  state.get(`einvoice/claim/${id}`) as unknown as Claim | undefined;

/** Where the invoices of a claim stand. */
const STATUS_IN: Readonly<Record<Claim['state'], string>> = {
  ...{ open: 'claimed', approved: 'approved', credited: 'credited' },
  ...{ refused: 'issued', withdrawn: 'issued' },
};

function check(ledger: TestLedger): void {
  const invoices = invoicesOf(ledger);
  const covered = new Map<string, string>();
  const credits = [...ledger.state].flatMap(([key, value]) =>
    key.startsWith('einvoice/credit/') ? [(value as unknown as { note: string }).note] : [],
  );
  for (const note of credits) assert.equal(invoices.get(note)?.counterpart, null);
  for (const [of, invoice] of invoices) {
    const [from, to] = RANGES[invoice.seller as keyof typeof RANGES];
    assert.ok(number(from) <= of && of <= number(to), 'a number of its seller');
    for (const payment of invoice.payments) {
      assert.ok(!covered.has(payment), 'a payment is invoiced once');
      covered.set(payment, of);
    }
    if (invoice.status === 'note' && invoice.counterpart === null) {
      assert.equal(credits.filter((note) => note === of).length, 1, 'a credit note has one id');
    } else if (invoice.status === 'note') {
      const original = invoices.get(invoice.counterpart!)!;
      assert.equal(original.seller, invoice.seller);
      const notes = [...original.parts, ...(original.counterpart ? [original.counterpart] : [])];
      assert.equal(notes.filter((note) => note === of).length, 1, 'a note takes back once');
    } else {
      assert.equal(invoice.counterpart !== null, invoice.status === 'reversed');
      for (const note of invoice.parts) assert.equal(invoices.get(note)!.counterpart, of);
    }
    const isClaimed = ['claimed', 'approved', 'credited'].includes(invoice.status);
    assert.equal(isClaimed, invoice.claim !== null);
    if (invoice.claim !== null) {
      const claim = claimOf(ledger, invoice.claim)!;
      assert.ok(claim.numbers.includes(of), 'it is in the claim that it names');
      assert.equal(STATUS_IN[claim.state], invoice.status);
    }
  }
  for (const [key, value] of ledger.state) {
    if (!key.startsWith('einvoice/claim/')) continue;
    const { id, numbers, state } = value as unknown as Claim;
    for (const of of numbers) {
      // All of them go one way, and one that is free again may be in another claim.
      assert.equal(invoices.get(of)!.claim === id, STATUS_IN[state] !== 'issued');
    }
  }
  for (const [key, value] of ledger.state) {
    if (!key.startsWith('einvoice/payment/')) continue;
    const { invoice } = value as { invoice: string | null };
    assert.equal(covered.get(key.slice('einvoice/payment/'.length)) ?? null, invoice);
  }
}

it('each number and payment is used once, each status follows from one before, four eyes see a claim', () => {
  const run = fc.property(
    fc.array(step, { minLength: 1, maxLength: 100, size: 'max' }),
    (steps) => {
      const ledger = new TestLedger(contracts, start);
      const call = (name: Name, method: string, args: object) => {
        const [member, ...roles] = CALLERS[name];
        const caller = {
          member,
          name,
          keyId: name,
          roles: roles.map((role) => `einvoice.${role}`),
        };
        return ledger.call(caller, 'einvoice', method, args);
      };
      for (const [merchant, [from, to]] of Object.entries(RANGES)) {
        const range = { from: number(from), to: number(to) };
        assert.ok(call('officer', 'allotNumbers', { merchant, ...range }).ok);
      }
      // Otherwise most runs would end before anything could be claimed.
      for (const [index, name] of (['seller', 'seller', 'rival'] as const).entries()) {
        const id = paymentId(index);
        assert.ok(call('officer', 'recordPayment', payment(id)).ok);
        assert.ok(call(name, 'issue', issuing([id], undefined)).ok);
      }
      for (const {
        call: [method, name],
        of,
        also,
        chosen,
        payments,
        isCurrent,
        isStale,
      } of steps) {
        const before = invoicesOf(ledger);
        const found = before.get(of);
        const holding = isCurrent && found ? found.holding : 'f'.repeat(64);
        const parts = (found?.parts.length ?? 0) + Number(isStale);
        const claim = found?.claim ?? 'f'.repeat(64);
        const other = also === undefined || also === of ? undefined : before.get(also);
        const besides = other
          ? [{ number: other.number, holding: other.holding, parts: other.parts.length }]
          : [];
        const claimed = claimOf(ledger, claim);
        const together =
          method === 'claim' ? [of, ...besides.map((one) => one.number)] : (claimed?.numbers ?? []);
        const args: Readonly<Record<string, object>> = {
          recordPayment: payment(payments[0] ?? paymentId(0)),
          issue: issuing(payments, chosen),
          declare: { period: '2026-03', numbers: [of], net: 100, tax: 13 },
          reverse: { number: of, reason: 'goods-returned' },
          reverseInPart: { number: of, ...part, holding, parts },
          credit: {
            ...{ ...document, id: payments[0] ?? paymentId(0), number: chosen },
            ...{ externalId: 'CN-1', original: 'B-9', reason: 'goods-returned' },
          },
          deliver: { number: of, holding, to: 'works' },
          claim: { invoices: [{ number: of, holding, parts }, ...besides], purpose: 'meals' },
          approve: { claim },
          withdraw: { claim },
          refuse: { claim, reason: 'other' },
          credited: { claim, payment: 'bank-1' },
        };
        const answer = call(name, method, args[method]!);
        // A refusal is one that the contract declares, or of the caller's role: never a fault of its code.
        const isFault = !answer.ok && !['contract-rejected', 'forbidden'].includes(answer.code);
        assert.ok(!isFault, JSON.stringify(answer));
        const after = invoicesOf(ledger);
        for (const [each, was] of before) {
          const is = after.get(each)!;
          const isPart = is.parts.length !== was.parts.length;
          if (isPart) assert.deepEqual(is.parts.slice(0, -1), was.parts);
          if (was.status === is.status && was.holding === is.holding && !isPart) continue;
          assert.equal(isPart, method === 'reverseInPart');
          const [from, to] = MOVES[method]!;
          const isNamed = CLAIM_STEPS.includes(method) ? together.includes(each) : each === of;
          assert.ok(isNamed && from.includes(was.status) && is.status === to, method);
        }
        if (answer.ok && method === 'approve') assert.notEqual(claimed!.employee, name);
        // All of a claim, or nothing of it.
        if (answer.ok && CLAIM_STEPS.includes(method)) {
          for (const one of together) assert.equal(after.get(one)!.status, MOVES[method]![1]);
        }
        if (answer.ok && ['claim', 'deliver', 'reverseInPart'].includes(method))
          assert.ok(isCurrent);
        if (answer.ok && ['claim', 'reverseInPart'].includes(method)) assert.ok(!isStale);
        check(ledger);
      }
    },
  );
  fc.assert(run, { numRuns: 200 });
});
