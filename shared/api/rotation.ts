/**
 * Which node gets the next anonymous request: each in turn, and one that failed a moment ago last.
 */

/** A member's node. */
export interface Upstream {
  readonly member: string;
  /** Base URL without a slash at its end. */
  readonly endpoint: string;
}

/** The nodes in turn; one that failed a moment ago comes last. */
export interface Rotation {
  order(): Upstream[];
  of(member: string | undefined): Upstream | undefined;
  failed(upstream: Upstream): void;
  answered(upstream: Upstream): void;
}

const REST_MS = 2000;

/** Builds the rotation over members' nodes. */
export function rotation(
  members: readonly { readonly id: string; readonly endpoint: string }[],
): Rotation {
  const upstreams: readonly Upstream[] = members.map(({ id, endpoint }) => ({
    member: id,
    endpoint: endpoint.replace(/\/+$/, ''),
  }));
  const failedAt = new Map<Upstream, number>();
  let turn = 0;
  return {
    order() {
      turn = (turn + 1) % Math.max(1, upstreams.length);
      const turned = [...upstreams.slice(turn), ...upstreams.slice(0, turn)];
      const rests = (upstream: Upstream): boolean =>
        Date.now() - (failedAt.get(upstream) ?? Number.NEGATIVE_INFINITY) < REST_MS;
      return [...turned.filter((one) => !rests(one)), ...turned.filter(rests)];
    },
    of: (member) => upstreams.find((upstream) => upstream.member === member),
    failed: (upstream) => failedAt.set(upstream, Date.now()),
    answered: (upstream) => failedAt.delete(upstream),
  };
}
