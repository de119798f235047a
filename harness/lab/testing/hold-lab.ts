import { holdLab } from '../state/lock.ts';

/** Holds the lab in the folder that is named until it is killed; says so on stdout, or why it could not. */
try {
  await holdLab(process.argv[2] ?? '');
  console.log('held');
  setInterval(() => undefined, 60_000);
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
