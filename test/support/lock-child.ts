/** A process that waits for a line, takes the lock of a folder, says how that went, and holds it until it is killed. */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { lockState } from '#node/state/state-lock';

writeSync(1, 'ready\n');
await once(process.stdin, 'data');
await lockState(process.argv[2] ?? '').then(
  () => writeSync(1, 'holds\n'),
  (error: Error) => writeSync(1, `${error.message}\n`),
);
// Nothing else keeps a holder alive.
setInterval(() => undefined, 60_000);
