/**
 * Confidential invoices: the invoice contract's flow, of which the ledger has numbers, statuses and digests only. Its
 * rules are in docs/einvoice.md.
 */
import { contract } from '../../shared/contract/define.ts';
import { allotNumbers, recordPayment, setCreditLimit } from './authority.ts';
import { approve, claim, credited, refuse, withdraw } from './claim.ts';
import { credit } from './credit.ts';
import { declare } from './declare.ts';
import { deliver, issue, reverse } from './issue.ts';
import { reverseInPart } from './part.ts';
import { assign } from './people.ts';
import { allotments, check, claimRecord, creditNote, invoice, payment } from './queries.ts';
import { events, records } from './records.ts';

export const einvoiceContract = contract('einvoice', {
  version: 1,
  summary: 'Invoices whose parties, lines and amounts only those concerned and the tax bureau see.',
  roles: {
    'tax-bureau': 'allots numbers, sets credit limits, sees all values, endorses rules over them',
    'payment-platform': 'records payments',
    seller: 'issues, reverses, delivers and declares its own invoices',
    employee: 'claims invoices that the employer holds, sees those that are assigned to him',
    finance: 'assigns invoices, approves or refuses claims and records their reimbursement',
  },
  records,
  events,
  transactions: {
    allotNumbers,
    setCreditLimit,
    recordPayment,
    issue,
    reverse,
    reverseInPart,
    credit,
    deliver,
    assign,
    claim,
    approve,
    refuse,
    withdraw,
    credited,
    declare,
  },
  queries: { invoice, claimRecord, check, payment, creditNote, allotments },
});
