import { holdLab } from '../state/lock.ts';

/** `hold-lab.ts DIR`: holds the lab in that folder until it is killed. Prints `held`, or why it could not. */
try {
  await holdLab(process.argv[2] ?? '');
  console.log('held');
  setInterval(() => undefined, 60_000);
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
