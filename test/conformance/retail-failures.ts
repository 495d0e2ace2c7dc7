/**
 * Real data under failure: `npm run retail:failures -- --seed S --rounds N --concurrency C --port P` imports the
 * retailer's ten days into a consortium of real processes while every kind of fault happens N times. JSON lines, a
 * summary last; exit code 1 where something does not hold.
 */
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../support/random.ts';
import { type DiskKind, diskKinds } from '../support/small-disk.ts';
import { until } from '../support/until.ts';
import { RetailConsortium } from './retail-consortium.ts';
import { type Faults, faultsOf } from './retail-faults.ts';
import { RETAIL_FILE } from './retail-file.ts';
import { Importer } from './retail-importer.ts';
import { reckon } from './retail-reckoning.ts';

export interface RetailFailures {
  readonly seed: number;
  /** How often each kind of fault happens. */
  readonly rounds: number;
  /** Documents under way at once: fewer make the import longer. */
  readonly concurrency: number;
  /** The gateway's; the nodes take those after it. */
  readonly port: number;
  readonly kind?: DiskKind | undefined;
  readonly onFault?: (line: object) => void;
}

/** Documents in the file. */
const DOCUMENTS = 1179;

/** Runs the import and the faults, and checks what is left; throws where something does not hold. */
export async function importUnderFailure(options: RetailFailures) {
  const { seed, rounds, concurrency, port, onFault = () => {} } = options;
  const kind = options.kind ?? diskKinds()[0];
  const random = new Random(seed);
  const consortium = new RetailConsortium(port);
  const started = Date.now();
  let opened: Importer | undefined;
  try {
    // One that the importer's clients don't need, and one that they do.
    await consortium.start(kind ? ['buyer-co', 'corner-shop'] : [], kind ?? 'file-size');
    const file = path.join(consortium.home, 'retail.csv');
    copyFileSync(RETAIL_FILE, file);
    const importer = new Importer(file, consortium.home, concurrency);
    opened = importer;
    const [timesFull, timesKilled] = [new Map(), new Map()];
    const faults: Faults = { consortium, importer, random, meanwhile: [], timesFull, timesKilled };
    const kinds = Object.entries(faultsOf(consortium));
    const plan = Array.from({ length: rounds }, () => shuffled(kinds, random)).flat();
    const imported = importer.run();
    // Whoever waits for it hears of its failure.
    imported.catch(() => {});
    for (const [index, [name, fault]] of plan.entries()) {
      // Spread over the file, but for its end: the importer writes down how far it is, every 50 documents.
      const due = (DOCUMENTS * (index + 0.5)) / (plan.length + 3);
      await until(() => importer.done >= due || importer.isDone, 120_000);
      const documents = importer.done;
      if (importer.isDone) throw new Error(`the import was done before fault ${index}, ${name}`);
      const at = Date.now();
      await fault(faults);
      await consortium.untilWhole();
      onFault({ fault: name, documents, ms: Date.now() - at });
    }
    const report = await imported;
    const figures = await reckon(file, faults);
    const seconds = Math.round((Date.now() - started) / 1000);
    return {
      seed,
      disk: kind ?? 'none',
      faults: plan.length,
      seconds,
      importer: importer.ends,
      report,
      ...figures,
    };
  } finally {
    opened?.close();
    await consortium.close();
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.between(0, left.length - 1), 1)[0]!);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      concurrency: { type: 'string', default: '4' },
      port: { type: 'string', default: '14300' },
      disk: { type: 'string' },
    },
  });
  const number = (name: 'seed' | 'rounds' | 'concurrency' | 'port'): number => Number(values[name]);
  const print = (line: object): void => console.log(JSON.stringify(line));
  print(
    await importUnderFailure({
      ...{ seed: number('seed'), rounds: number('rounds') },
      ...{ concurrency: number('concurrency'), port: number('port') },
      kind: values.disk as DiskKind | undefined,
      onFault: print,
    }),
  );
}
