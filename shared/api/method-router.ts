/**
 * Hono's router for requests of any method. Its own looks methods up in plain objects, where `__proto__` and `constructor`
 * are found too: a request of such a method would write to what all objects of the process share.
 */
import type { Router } from 'hono/router';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';

/** RFC 9110 §9.3 and RFC 5789. */
const METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
]);
/** What any other method is looked up as: routes for all methods have it, and no others. */
const OTHER = 'OTHER';

/** The router of an app that strangers reach. */
export function methodRouter<T>(): Router<T> {
  const router = new SmartRouter<T>({ routers: [new RegExpRouter(), new TrieRouter()] });
  return {
    name: router.name,
    add: (method, path, handler) => router.add(method, path, handler),
    match: (method, path) => router.match(METHODS.has(method) ? method : OTHER, path),
  };
}
