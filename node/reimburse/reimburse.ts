/**
 * Reimburses claims of one employer without a hand, where its policy says so: approves what was claimed, and writes a
 * payment order for what is approved, by whomever. Everything may be seen again after a crash: an approval has its claim's
 * idempotency key, an order is written once, a payment is recorded once.
 */
import { reasonsToAsk, totalsOf } from '../../workloads/reimbursement/policy.ts';
import { CallRefused, call, type Target } from '../gateway-call.ts';
import { eventsFrom, type ToldEvent } from '../ledger-events.ts';
import { valuesOf } from '../transaction-values.ts';
import { type Claim, claimOf, invoicesOf } from './claims.ts';
import type { Reimbursing } from './config.ts';
import { openOrders, type PaymentOrder, readState, type State, writeState } from './files.ts';

/** What was done about a claim. */
export type Done =
  | { readonly claim: string; readonly decision: 'approved' }
  | { readonly claim: string; readonly decision: 'ask'; readonly why: readonly string[] }
  | PaymentOrder;

/** Reads on from where the state says, up to the head; answers what was done. */
export async function* reimburse(options: Reimbursing): AsyncGenerator<Done> {
  const { finance, stateFile, ordersFile } = options;
  const orders = openOrders(ordersFile);
  const before = readState(stateFile);
  let state = before;
  const from: Record<string, string> = state.cursor === null ? {} : { cursor: state.cursor };
  // What is approved here is an event that comes next.
  for await (const event of eventsFrom(finance, from)) {
    if (event.type === 'fuqi.einvoice.claimed') yield* decide(options, state, event);
    if (event.type === 'fuqi.einvoice.approved') {
      const claim = await ownClaim(options, event);
      // One that was refused after all is not paid, where nobody has ordered that yet.
      if (claim && claim.state !== 'refused') {
        const { written, spent } = await order(options, state, claim, event, orders.write);
        yield* written;
        state = { ...state, spent };
      }
    }
    state = { ...state, cursor: event.cursor };
    if (event.type.startsWith('fuqi.einvoice.')) writeState(stateFile, state);
  }
  if (state !== before) writeState(stateFile, state);
}

async function ownClaim(
  { finance, member }: Reimbursing,
  { data }: ToldEvent,
): Promise<Claim | undefined> {
  const claim = await claimOf(finance, data.claim as string);
  return claim.member === member ? claim : undefined;
}

async function* decide(
  options: Reimbursing,
  { spent }: State,
  event: ToldEvent,
): AsyncGenerator<Done> {
  const { finance, policy } = options;
  const claim = await ownClaim(options, event);
  // Somebody was faster, or it is seen again.
  if (claim?.state !== 'open') return;
  const [invoices, values] = await Promise.all([
    invoicesOf(finance, claim),
    valuesOf(finance, claim.id),
  ]);
  const own = Object.fromEntries(
    Object.keys(totalsOf(invoices)).map((currency) => [
      currency,
      spent[spentKey(event, claim, currency)] ?? 0,
    ]),
  );
  const purpose = values?.purpose as string | undefined;
  const at = Date.parse(event.time);
  const why = reasonsToAsk(policy, { at, purpose, invoices, spent: own });
  if (why.length > 0) return yield { claim: claim.id, decision: 'ask', why };
  const refused = await post(finance, claim, 'approve', {});
  if (refused === undefined) yield { claim: claim.id, decision: 'approved' };
  else yield { claim: claim.id, decision: 'ask', why: [refused] };
}

/** Writes a claim's orders, and adds them to what its employee claimed in the month. */
async function order(
  { finance }: Reimbursing,
  { spent }: State,
  claim: Claim,
  event: ToldEvent,
  write: (order: PaymentOrder) => boolean,
) {
  const invoices = await invoicesOf(finance, claim);
  const totals = Object.entries(totalsOf(invoices));
  const after = { ...spent };
  const written: PaymentOrder[] = [];
  for (const [currency, amount] of totals) {
    const key = spentKey(event, claim, currency);
    after[key] = (after[key] ?? 0) + amount;
    const numbers = invoices.filter((one) => one.currency === currency).map((one) => one.number);
    const one = { order: claim.id, employee: claim.employee, currency, amount, invoices: numbers };
    if (write(one)) written.push(one);
  }
  return { written, spent: after };
}

const spentKey = ({ time }: ToldEvent, { employee }: Claim, currency: string): string =>
  `${time.slice(0, 7)} ${employee} ${currency}`;

/** The bank payment that paid a claim's order. */
export interface BankPayment {
  readonly order: string;
  readonly payment: string;
}

/** Records a bank payment; answers null, or why it is not recorded. One that was recorded before is. */
export async function recordPayment(
  { finance }: Reimbursing,
  { order: id, payment }: BankPayment,
): Promise<string | null> {
  const claim = await claimOf(finance, id);
  if (claim.state === 'credited') return null;
  return (await post(finance, claim, 'credited', { payment })) ?? null;
}

/** Answers undefined, or the refusal in a sentence. */
async function post(
  target: Target,
  { id }: Claim,
  step: 'approve' | 'credited',
  body: object,
): Promise<string | undefined> {
  const headers = { 'idempotency-key': `${step}-${id.slice(0, 40)}`, prefer: 'wait=20' };
  try {
    await call(target, `/einvoices/claims/${id}/${step}`, { body: JSON.stringify(body), headers });
    return undefined;
  } catch (error) {
    // What the ledger refuses it refuses for good; what only did not work just now is tried at the next start.
    if (error instanceof CallRefused && error.status < 500) return error.message.split('\n')[0]!;
    throw error;
  }
}
