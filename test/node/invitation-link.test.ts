/** Links that invite: what was made is read, and nothing else; a refusal never repeats the secret. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import {
  type InvitationLink,
  invitationLink,
  parseInvitationLink,
} from '../../node/invitation-link.ts';
import { UserError } from '../../node/user-error.ts';
import { digest } from '../ledger/arbitraries.ts';

const link: fc.Arbitrary<InvitationLink> = fc.record(
  {
    gateway: fc.constantFrom(
      'https://gateway.example',
      'http://127.0.0.1:8080',
      'https://a.b/stage',
    ),
    consortium: fc.stringMatching(/^[a-z][a-z0-9-]{0,62}$/),
    ledger: digest,
    inviter: fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/),
    secret: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

it('a link is read as it was made', () => {
  fc.assert(
    fc.property(link, (value) => {
      assert.deepEqual(parseInvitationLink(invitationLink(value)), value);
    }),
  );
});

it('a link that is cut, of another scheme or of something else is refused without its secret', () => {
  const [sample] = fc.sample(link, { numRuns: 1, seed: 7 });
  const text = invitationLink(sample!);
  const secret = text.slice(text.lastIndexOf('_') + 1);
  const wrong = [
    text.slice(0, -1),
    text.replace(/^https?/, 'ftp'),
    text.replace(/^https?:/, 'mailto:'),
    text.replace(/^https?:\/\//, ''),
    text.replace('/join', '/leave'),
    text.replace('#fuqi-invitation', '#fuqi-key'),
    text.replace(/ledger=[0-9a-f]/, 'ledger=x'),
    '',
  ];
  for (const other of wrong) {
    assert.throws(
      () => parseInvitationLink(other),
      (error) => error instanceof UserError && !error.message.includes(secret.slice(0, 20)),
      other,
    );
  }
});
