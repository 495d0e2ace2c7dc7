/** What can go wrong in a simulated network, as probabilities of one message or one port call. */
export interface Faults {
  readonly drop: number;
  readonly repeat: number;
  /** An old message of anybody's, sent once more. */
  readonly replay: number;
  /** Messages take up to this long, so that they overtake each other. */
  readonly delayMsMax: number;
  /** The end of a process or an invocation, before, after or half-way through a port call. */
  readonly crash: number;
  /** An error of a store, with or without its effect: a lost reply, a conflict, a throttled call. */
  readonly storeError: number;
  readonly signerError: number;
  /** Stores and signers take up to this long. */
  readonly storeMsMax: number;
  readonly signerMsMax: number;
  /** A node is cut off right after it committed: it may be the only one that knows. */
  readonly isolate: number;
  /** The same for a leader, where a hostile one leads next and can try to fork away what was made final. */
  readonly ambush: number;
  /** Clocks are off by up to this much, either way. */
  readonly skewMsMax: number;
}

export const NO_FAULTS: Faults = {
  drop: 0,
  repeat: 0,
  replay: 0,
  delayMsMax: 5,
  crash: 0,
  storeError: 0,
  signerError: 0,
  storeMsMax: 0,
  signerMsMax: 0,
  isolate: 0,
  ambush: 0,
  skewMsMax: 0,
};

/** How often each kind of fault was injected. */
export type FaultCounts = Record<string, number>;
