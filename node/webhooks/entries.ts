/** The entries of a vault that webhooks rest in. */
export const WEBHOOKS = 'webhook/';
export const DEAD_LETTERS = 'dead-letter/';
