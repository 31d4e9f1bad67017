import { expect, test } from 'vitest';
import { chooseRunFolder } from '../../../src/node/run-folder.ts';

test.each([
  ['what is in memory is taken', ['/'], '', '/nowhere/shoal'],
  ['else shared memory', ['/dev/shm'], '', '/dev/shm/shoal'],
  ['with a name per daemon', ['/dev/shm'], 'ab12', '/dev/shm/shoal-ab12'],
  ['nothing in memory: as asked, to be mounted', [], '', '/nowhere/shoal'],
])('%s', (_, memory, name, folder) => {
  expect(chooseRunFolder('/nowhere/shoal', name, (path) => memory.includes(path))).toBe(folder);
});
