/** Simulated networks of other sizes than four: fewer, where f is 0, and more. */
import { describeSweeps } from './sweep.ts';

describeSweeps([
  { replicas: 1, from: 1, seeds: 20 },
  { replicas: 2, from: 1, seeds: 20 },
  { replicas: 3, from: 1, seeds: 40 },
  { replicas: 5, from: 1, seeds: 350 },
  { replicas: 6, from: 1, seeds: 200 },
  { replicas: 7, from: 1, seeds: 180 },
  { replicas: 8, from: 1, seeds: 100 },
  { replicas: 10, from: 1, seeds: 50 },
]);
