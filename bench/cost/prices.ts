/**
 * Public prices of us-east-1 in US dollars, without free tiers, as read on 2026-11-25. `docs/cost.md` has
 * the table in words. A price is changed here only, with its source and date.
 */
export const PRICES_READ = '2026-11-25';
export const REGION = 'us-east-1';

interface Price {
  /** Dollars for one unit. */
  readonly usd: number;
  readonly unit: string;
  readonly source: string;
}

const MILLION = 1e6;

export const PRICES = {
  kmsAsymmetric: {
    usd: 15 / MILLION,
    unit: 'call with an asymmetric key',
    source:
      'aws.amazon.com/kms/pricing; factualminds.com/blog/aws-kms-pricing-keys-requests-multi-region',
  },
  kmsSymmetric: {
    usd: 3 / MILLION,
    unit: 'call with a symmetric key',
    source: 'aws.amazon.com/kms/pricing; wring.co/blog/aws-kms-pricing-guide',
  },
  kmsKeyMonth: { usd: 1, unit: 'key and month', source: 'aws.amazon.com/kms/pricing' },
  dynamoWrite: {
    usd: 0.625 / MILLION,
    unit: 'write request unit',
    source: 'airbyte.com/data-engineering-resources/dynamodb-pricing',
  },
  dynamoRead: {
    usd: 0.125 / MILLION,
    unit: 'read request unit (4 KB, consistent: one)',
    source:
      'airbyte.com/data-engineering-resources/dynamodb-pricing; one RRU is one strongly consistent read: bytebase.vercel.app/blog/understanding-dynamodb-pricing',
  },
  dynamoGbMonth: {
    usd: 0.25,
    unit: 'GB and month stored',
    source: 'aws.amazon.com/dynamodb/pricing/on-demand, as third parties state it',
  },
  dynamoBackupGbMonth: {
    usd: 0.2,
    unit: 'GB and month of point-in-time recovery',
    source: 'aws.amazon.com/dynamodb/pricing/on-demand, as third parties state it',
  },
  lambdaRequest: {
    usd: 0.2 / MILLION,
    unit: 'invocation',
    source: 'cloudchipr.com/blog/aws-lambda-pricing',
  },
  lambdaGbSecond: {
    usd: 0.0000133334,
    unit: 'GB-second on Arm',
    source: 'cloudchipr.com/blog/aws-lambda-pricing',
  },
  apiRequest: {
    usd: 1 / MILLION,
    unit: 'HTTP API request of 512 KB',
    source: 'awsforengineers.com/blog/aws-api-gateway-pricing-explained',
  },
  sqsRequest: {
    usd: 0.4 / MILLION,
    unit: 'request of 64 KB, standard queue',
    source: 'factualminds.com/blog/amazon-sqs-pricing-64kb-rule-fifo-vs-standard',
  },
  logGb: {
    usd: 0.5,
    unit: 'GB of logs taken in',
    source: 'go-cloud.io/aws-api-gateway-pricing',
  },
  logGbMonth: { usd: 0.03, unit: 'GB and month of logs kept', source: 'from memory' },
  internetGb: {
    usd: 0.09,
    unit: 'GB sent to the internet',
    source: 'awsforengineers.com/blog/aws-api-gateway-pricing-explained',
  },
  alarmMonth: { usd: 0.1, unit: 'alarm and month', source: 'from memory' },
} as const satisfies Record<string, Price>;

export type PriceName = keyof typeof PRICES;
