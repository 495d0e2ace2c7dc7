/**
 * Determinism guards: while contract code runs, the clock, randomness, timers, I/O and locale are out
 * of reach and throw. Contract code is synchronous, so nothing else runs meanwhile. What contracts may
 * import is held by the import rules in test/tidy.test.ts.
 */

const FORBIDDEN_GLOBALS = [
  'Date',
  'performance',
  'crypto',
  'fetch',
  'WebSocket',
  'EventSource',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process',
  'Intl',
  'navigator',
  'localStorage',
  'sessionStorage',
  'WeakRef',
  'FinalizationRegistry',
  'SharedArrayBuffer',
  'Atomics',
  'Worker',
  'BroadcastChannel',
  'MessageChannel',
  'WebAssembly',
  'console',
] as const;

const FORBIDDEN_METHODS: readonly (readonly [object, string])[] = [
  [Math, 'random'],
  // Transcendental functions may differ between engines and processors.
  ...[
    'sin',
    'cos',
    'tan',
    'asin',
    'acos',
    'atan',
    'atan2',
    'sinh',
    'cosh',
    'tanh',
    'asinh',
    'acosh',
  ]
    .concat(['atanh', 'exp', 'expm1', 'log', 'log10', 'log1p', 'log2', 'pow', 'cbrt', 'hypot'])
    .map((name) => [Math, name] as const),
  [String.prototype, 'localeCompare'],
  [String.prototype, 'toLocaleLowerCase'],
  [String.prototype, 'toLocaleUpperCase'],
  [Number.prototype, 'toLocaleString'],
  [BigInt.prototype, 'toLocaleString'],
  [Array.prototype, 'toLocaleString'],
];

/** Thrown when contract code reaches for something that is not deterministic. */
export class DeterminismError extends Error {
  constructor(name: string) {
    super(`contract code may not use ${name}`);
  }
}

let active = false;
let installed = false;

/**
 * Puts an accessor in a property's place that throws while contract code runs and is transparent
 * otherwise. Putting guards up and down for each transaction would cost more than most contracts.
 */
function guard(object: object, name: string): void {
  const before = Object.getOwnPropertyDescriptor(object, name);
  if (!before?.configurable) return;
  let { value } = before;
  Object.defineProperty(object, name, {
    configurable: true,
    enumerable: before.enumerable ?? false,
    get() {
      if (active) throw new DeterminismError(name);
      return before.get ? before.get.call(object) : value;
    },
    set(next) {
      if (before.set) before.set.call(object, next);
      else value = next;
    },
  });
}

function install(): void {
  installed = true;
  for (const name of FORBIDDEN_GLOBALS) guard(globalThis, name);
  for (const [object, name] of FORBIDDEN_METHODS) guard(object, name);
}

/**
 * Runs synchronous contract code under the guards, whatever happens. `eval` and `Function` stay:
 * what they reach is the same guarded global object.
 */
export function guarded<T>(run: () => T): T {
  if (active) return run();
  if (!installed) install();
  active = true;
  try {
    return run();
  } finally {
    active = false;
  }
}

/** Runs what the platform does for contract code (reading a store), which may use what contract code may not. */
export function unguarded<T>(run: () => T): T {
  if (!active) return run();
  active = false;
  try {
    return run();
  } finally {
    active = true;
  }
}
