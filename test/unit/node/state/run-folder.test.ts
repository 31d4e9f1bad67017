import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chooseRunFolder, makePassable, ownFolder, socketIn } from '#node/state/run-folder';

const long = `/nowhere/${'x'.repeat(200)}`;

test.each([
  ['what is in memory is taken', '/nowhere/shoal', ['/'], '', '/nowhere/shoal'],
  ['else shared memory', '/nowhere/shoal', ['/dev/shm'], '', '/dev/shm/shoal'],
  ['with a name per daemon', '/nowhere/shoal', ['/dev/shm'], 'ab12', '/dev/shm/shoal-ab12'],
  ['nothing in memory: as asked, to be mounted', '/nowhere/shoal', [], '', '/nowhere/shoal'],
  ['too long for sockets: shared memory', long, ['/', '/dev/shm'], 'ab12', '/dev/shm/shoal-ab12'],
])('%s', (_, wanted, memory, name, folder) => {
  expect(chooseRunFolder(wanted, name, (path) => memory.includes(path))).toBe(folder);
});

test('too long, and no shared memory: refused with the limit', () => {
  expect(() => chooseRunFolder(long, '', () => false)).toThrow(/at most 78 bytes with --run/);
});

test('the longest name of a socket fits into the longest folder', () => {
  expect(78 + `/${socketIn('resolver', '123456')}.4194304`.length).toBeLessThanOrEqual(107);
});

describe.skipIf(process.getuid?.() !== 0)('whose folder it is', () => {
  let place: string;
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'shoal-run-'));
  });
  afterEach(() => rmSync(place, { recursive: true }));

  test('made, or taken when it is ours', () => {
    const folder = join(place, 'a', 'run');
    ownFolder(folder);
    ownFolder(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o711);
  });

  test('others pass through it under a mask, and through one that a mask has closed; what an operator has closed stays so', () => {
    const [made, closed, theirs, shared] = ['a/run', 'closed', 'theirs', 'shared'].map((name) => join(place, name)) as [string, string, string, string];
    const mask = process.umask(0o027);
    try {
      mkdirSync(closed, { mode: 0o711 });
      mkdirSync(join(closed, 'tasks'));
      writeFileSync(join(closed, 'resolver-c41f3a.sock.17'), '');
      mkdirSync(theirs, { mode: 0o700 });
      mkdirSync(shared, { mode: 0o710 });
      writeFileSync(join(shared, 'key.pem'), '');
      for (const folder of [made, closed, theirs, shared]) makePassable(folder);
    } finally {
      process.umask(mask);
    }
    const modes = [join(place, 'a'), made, closed, theirs, shared].map((folder) => (statSync(folder).mode & 0o777).toString(8));
    expect(modes).toEqual(['711', '711', '711', '700', '710']);
  });

  test('of somebody else: refused', () => {
    const folder = join(place, 'run');
    mkdirSync(folder);
    chownSync(folder, 1234, 1234);
    expect(() => ownFolder(folder)).toThrow(/was made by user 1234, who could read this node's secrets: .*remove it/);
  });

  test('a link to somewhere: refused', () => {
    symlinkSync(place, join(place, 'run'));
    expect(() => ownFolder(join(place, 'run'))).toThrow(/is no folder/);
  });

  test.each([0o777, 0o775])('that others may change (%o): refused', (mode) => {
    const folder = join(place, 'run');
    mkdirSync(folder);
    chmodSync(folder, mode);
    expect(() => ownFolder(folder)).toThrow(/can be changed by other users \(mode 77\d\): chmod 711/);
  });

  test('in a folder that others may change: refused, unless it is sticky', () => {
    const parent = join(place, 'parent');
    mkdirSync(parent);
    chmodSync(parent, 0o777);
    expect(() => ownFolder(join(parent, 'run'))).toThrow(/name another folder with --run/);
    chmodSync(parent, 0o1777);
    ownFolder(join(parent, 'run'));
  });
});
