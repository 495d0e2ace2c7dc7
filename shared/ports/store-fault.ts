/**
 * A fault of a node's store that trying again does not mend. `unwritable`: nothing more can be made durable, so
 * nothing is signed or acknowledged. `damaged`: what is stored is not what was written, and is not served.
 */
export class StoreFault extends Error {
  readonly code: 'unwritable' | 'damaged';

  constructor(code: StoreFault['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
