/** Attachments for whoever reads the values that name them: of this node's vault, or under a grant of another member. */
import type { AttachmentContent } from '../api/ledger-service.ts';
import type { Digest } from '../bytes/digest.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';
import type { Attached } from '../ports/attachment-keeper.ts';
import { attachmentsOf, type KeptValues, type ValueKeeper } from '../ports/value-keeper.ts';
import { fetchAttachment, readGrantedPart } from './fetch-attachments.ts';
import { unavailable } from './holders.ts';
import type { Replica } from './replica.ts';

/** The attachment of that digest which values name; undefined where they name none. */
export function attachmentOf(values: KeptValues, digest: string): Attached | undefined {
  const attachment = attachmentsOf(values).find((one) => one.digest === digest);
  return attachment && { transaction: values.transaction.id, attachment };
}

/** How many attachments values name, and how many of them are in this node's vault. */
export async function attachmentsHere(
  keeper: ValueKeeper,
  values: KeptValues,
): Promise<{ readonly named: number; readonly here: number }> {
  const transaction = values.transaction.id;
  const held = await Promise.all(
    attachmentsOf(values).map((attachment) =>
      keeper.attachments.holds({ transaction, attachment }),
    ),
  );
  return { named: held.length, here: held.filter(Boolean).length };
}

/** One of this node's vault, fetched from another holder where it has not come yet. */
export async function ownAttachment(
  replica: Replica,
  keeper: ValueKeeper,
  attached: Attached,
): Promise<AttachmentContent | Rejected> {
  const { attachments } = keeper;
  if (!(await attachments.holds(attached))) {
    await fetchAttachment(replica, keeper, attached);
    if (!(await attachments.holds(attached))) return unavailable();
  }
  return {
    attachment: attached.attachment,
    async part(number) {
      const sealed = await attachments.sealedPart(attached, number);
      // Erased while it is read.
      if (!sealed) return rejected('erased', 'The values were erased.');
      return attachments.open(attached.attachment, number, sealed);
    },
  };
}

/** One that a grant covers, read from a holder part by part. */
export const grantedAttachment = (
  replica: Replica,
  keeper: ValueKeeper,
  attached: Attached,
  grant: Digest,
): AttachmentContent => ({
  attachment: attached.attachment,
  part: (number) => readGrantedPart(replica, keeper, attached, number, grant),
});
