/** `node --import` of this gives a process, and what it starts, only the time of the cores that nobody else wants. */
import { constants, setPriority } from 'node:os';

setPriority(constants.priority.PRIORITY_LOW);
