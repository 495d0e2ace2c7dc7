/** Requests under way that can be answered from outside, where their own answer will not come any more. */

type Fetch = (request: Request) => Response | Promise<Response>;

export interface Interruptible {
  readonly fetch: Fetch;
  /** Answers all that are under way, each with what `instead` makes of its request. */
  interrupt(instead: (request: Request) => Response): void;
}

/** Answers requests as `fetch` does until they are interrupted. */
export function interruptible(fetch: Fetch): Interruptible {
  const underWay = new Map<Request, (response: Response) => void>();
  return {
    fetch(request) {
      const answer = fetch(request);
      if (answer instanceof Response) return answer;
      return new Promise((resolve, reject) => {
        underWay.set(request, resolve);
        void answer.then(resolve, reject).finally(() => underWay.delete(request));
      });
    },
    interrupt(instead) {
      for (const [request, resolve] of underWay) resolve(instead(request));
    },
  };
}
