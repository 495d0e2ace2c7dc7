/** A consortium of one member that has every role of the invoice contract: the quickest real one. */
import type { LocalConsortium } from '../../node/local-layout.ts';

export const SOLO: LocalConsortium = {
  format: 'fuqi-local-1',
  name: 'solo',
  members: [
    {
      id: 'all',
      name: 'All in one',
      identities: {
        officer: ['invoice.tax-bureau'],
        platform: ['invoice.payment-platform'],
        seller: ['invoice.seller'],
        employee: ['invoice.employee'],
        finance: ['invoice.finance'],
      },
    },
  ],
};
