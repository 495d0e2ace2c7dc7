/**
 * What a member used as CloudWatch metrics, by embedded metric format: a line of the log, no call. One
 * dimension set and five names, so a member has five metrics at the most, in hours in which it did something.
 */
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { MeterOptions } from '../shared/api/meter.ts';

export const USAGE_NAMESPACE = 'Fuqi';

export interface UsageMetrics {
  /** To be told by the meter. */
  readonly hear: Required<Pick<MeterOptions, 'onUsage' | 'onRefused'>>;
  /** Writes what was heard; at the end of an invocation. */
  flush(): void;
}

export function usageMetrics(consortium: string, member: string): UsageMetrics {
  const metrics = new Metrics({
    namespace: USAGE_NAMESPACE,
    serviceName: 'node',
    defaultDimensions: { Consortium: consortium, Member: member },
  });
  let isEmpty = true;
  const add = (name: string, unit: (typeof MetricUnit)[keyof typeof MetricUnit], value: number) => {
    if (value === 0) return;
    metrics.addMetric(name, unit, value);
    isEmpty = false;
  };
  return {
    hear: {
      onUsage(tenant, { transactions, reads, bytesIn }, { storedBytes }) {
        add('Transactions', MetricUnit.Count, transactions);
        add('Reads', MetricUnit.Count, reads);
        add('BytesIn', MetricUnit.Bytes, bytesIn);
        // Of the member itself: who has no key stores nothing of the member's.
        if (tenant === member) add('StoredBytes', MetricUnit.Bytes, storedBytes);
      },
      onRefused: () => add('Refused', MetricUnit.Count, 1),
    },
    flush() {
      if (!isEmpty) metrics.publishStoredMetrics();
      isEmpty = true;
    },
  };
}
