/**
 * How many members have to approve, by the kind of action. The members set it themselves, between a
 * floor (more than half) and, for what mends a ledger, a ceiling: n − f members can always mend it.
 */
import { z } from 'zod';

const THRESHOLDS = [
  'more-than-half',
  'more-than-two-thirds',
  'more-than-three-quarters',
  'all',
] as const;
export type Threshold = (typeof THRESHOLDS)[number];
const ThresholdSchema = z.enum(THRESHOLDS);

const KINDS = [
  'add-member',
  'remove-member',
  'set-validator',
  'replace-validator',
  'replace-node-key',
  'replace-peer-key',
  'change-hosting',
  'set-roles',
  'activate-contract',
  'retire-contract',
  'set-parameters',
  'set-thresholds',
] as const;
export type ActionKind = (typeof KINDS)[number];

/** `governance/thresholds/current`: kinds that are not named need more than two thirds. */
export const ThresholdsSchema = z.partialRecord(z.enum(KINDS), ThresholdSchema);
export type Thresholds = z.infer<typeof ThresholdsSchema>;

const DEFAULT: Threshold = 'more-than-two-thirds';

/** What a lost or lying member is dealt with by: were more needed, it could block that itself. */
const MENDING: ReadonlySet<string> = new Set<ActionKind>([
  'remove-member',
  'set-validator',
  'replace-validator',
  'replace-node-key',
  'replace-peer-key',
  'change-hosting',
]);

/** How many of the active members have to approve. By default ⌊2n/3⌋ + 1, which is n − f. */
export function approvalsNeeded(members: number, threshold: Threshold = DEFAULT): number {
  switch (threshold) {
    case 'more-than-half':
      return Math.floor(members / 2) + 1;
    case 'more-than-two-thirds':
      return Math.floor((2 * members) / 3) + 1;
    case 'more-than-three-quarters':
      return Math.floor((3 * members) / 4) + 1;
    case 'all':
      return members;
  }
}

/** The threshold of each kind of action, those by default included. */
export const allThresholds = (set: Thresholds | undefined): Record<ActionKind, Threshold> =>
  Object.fromEntries(KINDS.map((kind) => [kind, set?.[kind] ?? DEFAULT])) as Record<
    ActionKind,
    Threshold
  >;

/**
 * The threshold of an action. Changing thresholds takes the largest of its own and of the old and new
 * ones that it changes, so that no majority can vote down what protects the others.
 */
export function thresholdOf(
  action: { readonly kind: ActionKind; readonly thresholds?: Thresholds },
  set: Thresholds | undefined,
): Threshold {
  const own = set?.[action.kind] ?? DEFAULT;
  const changed = Object.entries(action.thresholds ?? {}) as [ActionKind, Threshold][];
  return changed.reduce(
    (highest, [kind, to]) => larger(larger(highest, to), set?.[kind] ?? DEFAULT),
    own,
  );
}

/** Why thresholds can't be set so; undefined where they can. */
export function obstacleToThresholds(thresholds: Thresholds): string | undefined {
  const ceiling = THRESHOLDS.indexOf(DEFAULT);
  for (const [kind, threshold] of Object.entries(thresholds)) {
    if (MENDING.has(kind) && THRESHOLDS.indexOf(threshold) > ceiling) {
      return `${kind} can't need more than ${DEFAULT}: a lost member could block its own replacement.`;
    }
  }
  return Object.keys(thresholds).length === 0 ? 'This changes nothing.' : undefined;
}

const larger = (a: Threshold, b: Threshold): Threshold =>
  THRESHOLDS.indexOf(a) >= THRESHOLDS.indexOf(b) ? a : b;
