/** The fuzz targets: a decoder family each, in `targets/`. */

/** What a target's module exports: runs one input and throws where something does not hold. */
export type Fuzz = (data: Uint8Array) => void | Promise<void>;

interface TargetOptions {
  /** Whether it answers a promise. */
  readonly isAsync?: boolean;
  /** The longest input, bytes. */
  readonly bytesMax: number;
}

export const TARGETS = {
  cbor: { bytesMax: 1024 },
  'der-signature': { bytesMax: 96 },
  json: { bytesMax: 1024 },
  transaction: { bytesMax: 4096 },
  'transaction-parts': { bytesMax: 1024 },
  disclosure: { bytesMax: 1024 },
  envelope: { bytesMax: 2048, isAsync: true },
  'batch-signature': { bytesMax: 512 },
  block: { bytesMax: 4096 },
  message: { bytesMax: 4096 },
  snapshot: { bytesMax: 4096 },
  proof: { bytesMax: 32_768 },
  'proof-edits': { bytesMax: 64 },
  texts: { bytesMax: 600 },
  documents: { bytesMax: 8192 },
  'import-csv': { bytesMax: 1024, isAsync: true },
  'import-json-lines': { bytesMax: 2048, isAsync: true },
  'import-xml': { bytesMax: 8192, isAsync: true },
  request: { bytesMax: 4096, isAsync: true },
  replica: { bytesMax: 32_768, isAsync: true },
} as const satisfies Record<string, TargetOptions>;

export type TargetName = keyof typeof TARGETS;
export const TARGET_NAMES = Object.keys(TARGETS) as TargetName[];

/** Loads a target. */
export async function loadTarget(name: TargetName): Promise<Fuzz> {
  const module: { readonly fuzz: Fuzz } = await import(`./targets/${name}.ts`);
  return module.fuzz;
}
