/** What a schema finds wrong with arguments, as rejections carry it. */
import type { z } from 'zod';
import { type Rejected, type Rejection, rejected } from '../ledger/rejection.ts';

/**
 * Every field at fault by JSON pointer. With `text` as the schema library says it, for people; with
 * `code` for what is recorded in a block, because texts may differ between the library's versions.
 */
export const argumentIssues = (
  { issues }: z.ZodError,
  say: 'text' | 'code',
): NonNullable<Rejection['issues']> =>
  issues.map((issue) => ({
    pointer: `/${issue.path.map(String).join('/')}`,
    message: say === 'text' ? issue.message : issue.code,
  }));

/** The refusal of arguments by a schema, as people read it. */
export const invalidArguments = (error: z.ZodError, of: 'method' | 'query' = 'method'): Rejected =>
  rejected('invalid-arguments', `The arguments do not fit the ${of}.`, {
    issues: argumentIssues(error, 'text'),
  });
