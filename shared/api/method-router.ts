/**
 * Hono's router for requests of any method. Its own looks methods up in plain objects, where `__proto__` and `constructor`
 * are found too: a request of such a method would write to what all objects of the process share. And it looks each path up
 * anew, with objects that live as long as the request waits.
 */
import type { Result, Router } from 'hono/router';
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

/** Answers that are remembered, and the longest path among them: the few that most requests are for. */
const REMEMBERED_MAX = 256;
const PATH_MAX = 128;

/** The router of an app that strangers reach. */
export function methodRouter<T>(): Router<T> {
  const router = new SmartRouter<T>({ routers: [new RegExpRouter(), new TrieRouter()] });
  const matches = new Map<string, Result<T>>();
  return {
    name: router.name,
    add: (method, path, handler) => router.add(method, path, handler),
    match(method, path) {
      const known = METHODS.has(method) ? method : OTHER;
      if (path.length > PATH_MAX) return router.match(known, path);
      const name = `${known} ${path}`;
      const remembered = matches.get(name);
      if (remembered) return remembered;
      const match = router.match(known, path);
      if (matches.size === REMEMBERED_MAX) matches.clear();
      matches.set(name, match);
      return match;
    },
  };
}
