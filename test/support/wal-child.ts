/** A process that writes to a log and says what was acknowledged, until it is killed. */
import { writeSync } from 'node:fs';
import { makeLog } from './replicated-log.ts';

const [folder = '', prefix = ''] = process.argv.slice(2);
const { log, propose } = makeLog(folder, { snapshotEntries: 40, segmentBytes: 4000 });
await log.start();

async function writer(name: number): Promise<void> {
  for (let count = 0; ; count++) {
    const text = `${prefix}-${name}-${count}`;
    await propose(Buffer.from(text));
    // Synchronous: what is printed was acknowledged, whatever happens next.
    writeSync(1, `${text}\n`);
  }
}

await Promise.all([0, 1, 2, 3].map(writer));
