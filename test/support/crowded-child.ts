/** A process that has as many files open as it may: what it opens for its log waits until one is closed. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { realFileSystem } from '#disk/file-system';

const held: number[] = [];
try {
  for (;;) held.push(openSync('/dev/null', 'r'));
} catch (error) {
  writeSync(1, `${(error as NodeJS.ErrnoException).code}\n`);
}
let closed = false;
setTimeout(() => {
  closed = true;
  closeSync(held.pop() as number);
}, 100);
const file = await realFileSystem.open(process.argv[2] ?? '', 'create');
writeSync(1, closed ? 'opened afterwards\n' : 'opened before\n');
await realFileSystem.close(file);
await realFileSystem.syncFolder(process.argv[3] ?? '');
writeSync(1, 'folder durable\n');
