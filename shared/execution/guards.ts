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

interface Guard {
  readonly object: object;
  readonly name: string;
  readonly before: PropertyDescriptor;
  readonly during: PropertyDescriptor;
}

// Descriptors are taken at load: some globals of Node materialise lazily and need others for it.
const guards: readonly Guard[] = [
  ...FORBIDDEN_GLOBALS.map((name) => [globalThis, name] as const),
  ...FORBIDDEN_METHODS,
].flatMap(([object, name]) => {
  const before = Object.getOwnPropertyDescriptor(object, name);
  if (!before?.configurable) return [];
  const get = (): never => {
    throw new DeterminismError(name);
  };
  return [{ object, name, before, during: { configurable: true, get } }];
});

let active = false;

/**
 * Runs synchronous contract code under the guards and takes them away again, whatever happens.
 * `eval` and `Function` stay: what they reach is the same guarded global object.
 */
export function guarded<T>(run: () => T): T {
  if (active) return run();
  active = true;
  try {
    for (const { object, name, during } of guards) Object.defineProperty(object, name, during);
    return run();
  } finally {
    for (const { object, name, before } of guards) Object.defineProperty(object, name, before);
    active = false;
  }
}
