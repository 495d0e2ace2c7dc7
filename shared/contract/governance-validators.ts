/** What an action makes of the validators: how many there will be, and what that means. */
import { z } from 'zod';
import { faultsTolerated, quorumSize } from '../ledger/quorum.ts';
import { type Action, allMembers, type Reader } from './governance-action.ts';

/** The validators after a decision: n, f, the quorum, and the same in a sentence. */
export const AfterSchema = z.strictObject({
  validators: z.int().min(1),
  /** f: how many of them may be faulty in any way. */
  faultsTolerated: z.int().min(0),
  quorum: z.int().min(1),
  statement: z.string(),
});

/** What the validator set would be if an action were taken as things stand. */
export function afterAction(context: Reader, action: Action): z.infer<typeof AfterSchema> {
  const validators = new Set(
    allMembers(context).flatMap(({ id, validator }) => (validator ? [id] : [])),
  );
  switch (action.kind) {
    case 'add-member':
      if (action.member.validator) validators.add(action.member.id);
      break;
    case 'remove-member':
      validators.delete(action.member);
      break;
    case 'set-validator':
      if (action.validator) validators.add(action.member);
      else validators.delete(action.member);
      break;
    case 'replace-validator':
      validators.delete(action.member);
      validators.add(action.by);
  }
  // An action that would leave none is refused before this matters.
  const n = Math.max(1, validators.size);
  const [f, quorum] = [faultsTolerated(n), quorumSize(n)];
  const statement =
    `${n} validator${n === 1 ? '' : 's'}: ${quorum} have to agree on each block, ` +
    `${n - quorum} may be silent, ${f} may lie` +
    (f === 0 ? '. With fewer than 4 one that lies can fork the ledger' : '');
  return { validators: n, faultsTolerated: f, quorum, statement: `${statement}.` };
}
