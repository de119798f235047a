import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

/** A service with a child process: `stub-service.ts PORT [--ignore-sigterm] [--fail]`. */
const [port, ...flags] = process.argv.slice(2);
if (flags.includes('--fail')) {
  console.error('first line of trouble');
  console.error('the disk is on fire');
  process.exit(3);
}
if (flags.includes('--ignore-sigterm')) process.on('SIGTERM', () => console.log('SIGTERM ignored'));
const child = spawn('sleep', ['600'], { stdio: 'ignore' });
createServer((_, response) => response.end(String(child.pid))).listen(Number(port), '127.0.0.1');
