import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { forgetIdentity, managerPlace, readIdentity, writeIdentity } from '#node/state/identity';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'shoal-identity-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('what is written is read, and can be forgotten', () => {
  expect(readIdentity(folder)).toBeUndefined();
  writeIdentity(folder, { nodeId: 'n', address: '192.0.2.1' });
  expect(readIdentity(folder)).toEqual({ nodeId: 'n', address: '192.0.2.1' });
  expect(statSync(join(folder, 'node.json')).mode & 0o777).toBe(0o600);
  forgetIdentity(folder);
  expect(readIdentity(folder)).toBeUndefined();
});

test('a damaged file is refused with what to do', () => {
  writeFileSync(join(folder, 'node.json'), '{');
  expect(() => readIdentity(folder)).toThrow('is damaged: put back a copy');
});

test.each([
  ['the first version', { nodeId: 'n', address: '192.0.2.1' }, '192.0.2.1:2377'],
  ['the second', { nodeId: 'n', address: '192.0.2.1', role: 'manager', listen: '0.0.0.0:2377', managers: ['192.0.2.1:2377'] }, '192.0.2.1:2377'],
  [
    'the third',
    {
      nodeId: 'n',
      address: '192.0.2.1',
      role: 'manager',
      listen: '0.0.0.0:2378',
      managerAddress: '192.0.2.1:2378',
      managers: [],
      begins: true,
      incarnation: 2,
      votedUntil: 7,
    },
    '192.0.2.1:2378',
  ],
])('a file of %s is read, with what it leaves open as it was then', (_version, file, place) => {
  writeFileSync(join(folder, 'node.json'), JSON.stringify(file));
  const identity = readIdentity(folder);
  expect(identity).toEqual(file);
  expect(identity && managerPlace(identity)).toBe(place);
  expect(identity?.dataPath).toBeUndefined();
});
