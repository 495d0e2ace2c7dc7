/**
 * The invoice contract, version 1: payments, invoices, red-letter notes, claims, declarations. Its
 * rules are in docs/invoice.md. It keeps its fields public, for demonstration data.
 */
import { contract } from '../../shared/contract/define.ts';
import { allotNumbers, declare, recordPayment, setCreditLimit } from './authority.ts';
import { approve, assign, claim, credited, refuse, withdraw } from './claim.ts';
import { deliver, issue } from './issue.ts';
import { credit, reverse } from './note.ts';
import { allotments, check, invoice, invoices, payment, totals } from './queries.ts';
import { events, records } from './records.ts';

export const invoiceContract = contract('invoice', {
  version: 1,
  summary: 'Invoices from payment to reimbursement, with their tax.',
  roles: {
    'tax-bureau': 'allots numbers, sets credit limits, sees the live totals of every merchant',
    'payment-platform': 'records payments',
    seller: 'issues, reverses, delivers and declares its own invoices',
    employee: 'claims invoices that the employer holds',
    finance: 'approves or refuses claims and records their reimbursement',
  },
  records,
  events,
  transactions: {
    allotNumbers,
    setCreditLimit,
    recordPayment,
    issue,
    reverse,
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
  queries: { invoice, invoices, check, payment, totals, allotments },
});
