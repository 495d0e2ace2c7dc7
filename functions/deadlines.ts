/**
 * How long each call may take, in milliseconds. Whoever waits has longer than what it waits for, so that an
 * answer or an error arrives and nobody waits for a function that was stopped; the tests hold the relations.
 */
export const DEADLINES = {
  /** One attempt of a call of DynamoDB, KMS or SQS. */
  service: 3000,
  /** One attempt to wake a node: Lambda takes the event and answers at once. */
  wake: 2000,
  /** One call of another node: a drive that it waits for is within it. */
  peer: 12_000,
  /** The gateway's call of a node: the longest wait of a client, and what the node needs besides. */
  node: 28_000,
  /** One attempt to answer CloudFormation. */
  customResourceAnswer: 5000,
  /** What a node keeps of an invocation's time for its end: the alarm, handing on, the reply. */
  reserve: 2000,
  /** Time-outs of functions. */
  functions: { alarm: 10_000, peer: 15_000, client: 27_000, gateway: 29_000, setup: 60_000 },
  /** What CloudFormation waits for a custom resource. */
  customResource: 180_000,
} as const;

/** A client's request handler that gives up after so long: without the second option it only warns. */
export const givesUpAfter = (requestTimeout: number) =>
  ({ requestTimeout, throwOnRequestTimeout: true }) as const;
