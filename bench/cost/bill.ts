/** Prices what functions counted: lines by service and purpose, the dearest first. */
import { PRICES, type PriceName } from './prices.ts';
import type { Invocation } from './usage-log.ts';

export interface BillLine {
  readonly service: string;
  readonly purpose: string;
  readonly units: number;
  readonly usd: number;
}

const GB = 1024 ** 3;
/** What Lambda itself logs of an invocation: START, END and REPORT, and CloudWatch's own bytes for each. */
const PLATFORM_LOG_BYTES = 330 + 3 * 26;

/** The lines of all that these invocations used. */
export function billOf(invocations: readonly Invocation[]): BillLine[] {
  const lines = new Map<string, BillLine>();
  const add = (price: PriceName, service: string, purpose: string, units: number): void => {
    if (units === 0) return;
    const key = `${service} ${purpose}`;
    const before = lines.get(key) ?? { service, purpose, units: 0, usd: 0 };
    const usd = before.usd + units * PRICES[price].usd;
    lines.set(key, { service, purpose, units: before.units + units, usd });
  };
  for (const { name, usage } of invocations) {
    const what = usage.for === '' || usage.for === name ? name : `${name} ${usage.for}`;
    add('lambdaRequest', 'Lambda invocations', what, 1);
    const gbSeconds = (usage.memoryMiB / 1024) * (usage.ms / 1000);
    add('lambdaGbSecond', 'Lambda GB-seconds', what, gbSeconds);
    add('logGb', 'CloudWatch Logs GB', name, (usage.logged + PLATFORM_LOG_BYTES) / GB);
    for (const [count, units] of Object.entries(usage.counts)) {
      const [first, second, third] = count.split('.') as [string, string, string?];
      if (first === 'kms') {
        const price = second === 'symmetric' ? 'kmsSymmetric' : 'kmsAsymmetric';
        add(price, 'KMS calls', second, units);
      } else if (first === 'dynamodb') {
        const price = second === 'write' ? 'dynamoWrite' : 'dynamoRead';
        add(price, `DynamoDB ${second} units`, third!, units);
      } else if (first === 'sqs') add('sqsRequest', 'SQS requests', second, units);
      else if (first === 'api') add('apiRequest', 'API Gateway requests', second, units);
      else if (first === 'internet') add('internetGb', 'Transfer GB', 'to clients', units / GB);
      else if (first !== 'calls') throw new Error(`no price for ${count}`);
    }
  }
  return [...lines.values()].sort((a, b) => b.usd - a.usd);
}

export const totalOf = (lines: readonly BillLine[]): number =>
  lines.reduce((sum, { usd }) => sum + usd, 0);

/** Sums by service. */
export function byService(
  lines: readonly BillLine[],
): Record<string, { units: number; usd: number }> {
  const sums: Record<string, { units: number; usd: number }> = {};
  for (const { service, units, usd } of lines) {
    sums[service] ??= { units: 0, usd: 0 };
    sums[service].units += units;
    sums[service].usd += usd;
  }
  return sums;
}
