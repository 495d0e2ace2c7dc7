/** Simulated networks of other sizes than four: fewer, where f is 0, and more; and with little room for what waits. */
import { describeSweeps } from './sweep.ts';

describeSweeps([
  { replicas: 1, from: 1, seeds: 20 },
  { replicas: 2, from: 1, seeds: 15 },
  { replicas: 3, from: 1, seeds: 20 },
  { replicas: 4, from: 1, seeds: 120, mempool: 4 },
  { replicas: 5, from: 1, seeds: 250 },
  { replicas: 6, from: 1, seeds: 130 },
  { replicas: 7, from: 1, seeds: 110 },
  { replicas: 8, from: 1, seeds: 60 },
  { replicas: 10, from: 1, seeds: 30 },
]);
