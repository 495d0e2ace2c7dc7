/** Hidden values over the API, as far as the node that answers holds them. */
import { CallRefused, call, type Target } from './gateway-call.ts';

export type Values = Readonly<Record<string, unknown>>;

/** What a transaction hides; undefined where the node never had it, or it was erased. Throws `CallRefused` otherwise. */
export async function valuesOf(target: Target, transaction: string): Promise<Values | undefined> {
  try {
    const path = `/transactions/${transaction}/values`;
    return ((await call(target, path)) as { readonly fields: Values }).fields;
  } catch (error) {
    if (error instanceof CallRefused && [404, 410].includes(error.status)) return undefined;
    throw error;
  }
}
