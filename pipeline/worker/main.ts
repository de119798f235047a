import { createConnectorClasses } from './connector-classes.ts';
import { runWorker } from './run-worker.ts';

await runWorker(createConnectorClasses());
