/**
 * What is done for a request knows of it, however deep: logs say its id, and calls to other nodes carry it
 * on. Work that goes on after the answer keeps the id of the request that began it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { InRequest, RequestAbout } from '../shared/api/request-id.ts';

const storage = new AsyncLocalStorage<RequestAbout>();

/** Runs what serves a request. */
export const inRequest: InRequest = (about, serve) => storage.run(about, serve);

/** The request that is served here; undefined outside of one. */
export const currentRequest = (): RequestAbout | undefined => storage.getStore();

/** Headers by which whoever is called learns of the request. */
export function requestHeaders(): Record<string, string> {
  const { requestId } = currentRequest() ?? {};
  return requestId === undefined ? {} : { 'x-request-id': requestId };
}
