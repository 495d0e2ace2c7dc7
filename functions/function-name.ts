/**
 * How a hosted member's functions are called: by this convention the others find them, and policies allow
 * them, members that join later included.
 */
export type Entry = 'peer' | 'client' | 'setup' | 'joining';

/**
 * The name of a member's function; at most 64 characters, as Lambda has it. Consortia and members have no
 * underscore in their names, so a pattern for one consortium fits none whose name goes on.
 */
export const functionName = (consortium: string, member: string, entry: Entry): string =>
  `fuqi-${consortium}_${member}_${entry}`;

/** The name of the function that makes the nodes of members that join. */
export const onboardingFunction = (consortium: string): string => `fuqi-${consortium}-onboarding`;

/** The name of the function that passes messages to nodes without an inbound port. */
export const relayFunction = (consortium: string): string => `fuqi-${consortium}-relay`;

/** Characters that a consortium's and a member's names may have together. */
export const NAMES_MAX = 64 - functionName('', '', 'client').length;
