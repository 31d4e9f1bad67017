/** This program as one from before encrypted networks: what it says of itself, and so what a cluster with it in it may use. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encryptionLevel } from '#model/feature-level';

const root = fileURLToPath(new URL('../..', import.meta.url));
const level = /\bfeatureLevel = \d+;/g;

/** Path of a program below `folder` that announces the feature level before that of encrypted networks; everything else is the same. */
export function olderProgram(folder: string): string {
  for (const name of ['bin', '.build']) cpSync(join(root, name), join(folder, name), { recursive: true });
  let found = 0;
  for (const name of readdirSync(join(folder, '.build'))) {
    const path = join(folder, '.build', name);
    const text = readFileSync(path, 'utf8');
    const older = text.replaceAll(level, () => {
      found++;
      return `featureLevel = ${encryptionLevel - 1};`;
    });
    if (older !== text) writeFileSync(path, older);
  }
  if (found !== 1) throw new Error(`the feature level stands in the program ${found} times`);
  return join(folder, 'bin/shoal');
}
