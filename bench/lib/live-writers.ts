// A process that writes single-row transactions at a steady rate, and prints one line of JSON per second:
// `{"committed":n,"ms":t}`. Arguments: transactions per second, and the first and last id that it may write. The URL
// is in `BENCH_URL`. Ends at SIGTERM.

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const CONNECTIONS = 8;
const [rate = 1000, firstId = 1, lastId = 1] = process.argv.slice(2).map(Number);
const ids = lastId - firstId + 1;
const startedMs = performance.now();
let issued = 0;
let committed = 0;
let running = true;
process.on('SIGTERM', () => {
  running = false;
});

/** Eight in ten statements update, one inserts, and one deletes a row that was inserted earlier. */
function statement(n: number): { name: string; text: string; values: unknown[] } {
  const id = firstId + ((n * 7919) % ids);
  const fresh = 1_000_000 + n;
  if (n % 10 === 3) {
    return { name: 'i', text: `INSERT INTO items VALUES ($1, 'in', 'new', 1.10, now(), 1)`, values: [fresh] };
  }
  if (n % 10 === 7) return { name: 'd', text: 'DELETE FROM items WHERE id = $1', values: [fresh - 504] };
  const text = 'UPDATE items SET name = $2, changed = now(), version = version + 1 WHERE id = $1';
  return { name: 'u', text, values: [id, `name ${n}`] };
}

async function write(): Promise<void> {
  const client = new pg.Client({ connectionString: process.env.BENCH_URL });
  await client.connect();
  await client.query('SET synchronous_commit = off');
  while (running) {
    const due = ((performance.now() - startedMs) / 1000) * rate;
    if (issued >= due) {
      await sleep(1);
      continue;
    }
    await client.query(statement(issued++));
    committed++;
  }
  await client.end();
}

const report = setInterval(() => {
  process.stdout.write(`${JSON.stringify({ committed, ms: Math.round(performance.now() - startedMs) })}\n`);
}, 1000);
await Promise.all(Array.from({ length: CONNECTIONS }, write));
clearInterval(report);
