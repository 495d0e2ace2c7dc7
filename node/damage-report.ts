/** What a node found to be damaged in its store: said once each in the log, and the first of it in its health. */
import type { Logger } from 'pino';
import type { StoreDamage } from '../shared/api/store-faults.ts';

/** Findings that are logged; a store that is damaged all over would fill the log. */
const FINDINGS_MAX = 100;

export interface DamageReport {
  /** Takes a finding; one that is known already changes nothing. */
  note(what: string): void;
  first(): StoreDamage | undefined;
}

export function damageReport(log: Logger): DamageReport {
  const found = new Set<string>();
  let first: StoreDamage | undefined;
  return {
    note(what) {
      if (found.has(what) || found.size >= FINDINGS_MAX) return;
      found.add(what);
      first ??= { reason: what, since: Date.now() };
      log.error({ reason: what }, 'store-damaged');
    },
    first: () => first,
  };
}
