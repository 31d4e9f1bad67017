import { expect, test } from 'vitest';
import type { Identity } from '#node/state/identity';
import { IdentityFile } from '#node/state/identity-file';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

const noRoom = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

function setUp() {
  const clock = new VirtualClock();
  const disk: { fault?: Error | undefined; written: Identity[] } = { written: [] };
  const file = new IdentityFile('/nowhere', { nodeId: 'n1', address: '192.0.2.1' }, { clock, logger: silentLogger }, (next) => {
    if (disk.fault) throw disk.fault;
    disk.written.push(next);
  });
  return { clock, disk, file };
}

test('what is noted while the disk is full counts at once, and is written when there is room, the newest alone', async () => {
  const { clock, disk, file } = setUp();
  disk.fault = noRoom();
  file.note({ managers: ['192.0.2.2:2377'] });
  file.note({ managers: ['192.0.2.3:2377'] });
  expect([file.now.managers, disk.written, clock.running]).toEqual([['192.0.2.3:2377'], [], 1]);
  await clock.advance(3000);
  expect(disk.written).toEqual([]);
  disk.fault = undefined;
  await clock.advance(1000);
  expect(disk.written).toEqual([{ nodeId: 'n1', address: '192.0.2.1', managers: ['192.0.2.3:2377'] }]);
  expect(clock.running).toBe(0);
});

test('what must not be forgotten says that it is not written; any other fault of the disk is nobody’s to wait for', () => {
  const { clock, disk, file } = setUp();
  disk.fault = noRoom();
  expect(() => file.remember({ votedUntil: 7 })).toThrow('ENOSPC');
  disk.fault = Object.assign(new Error('EIO'), { code: 'EIO' });
  expect(() => file.note({ managers: [] })).toThrow('EIO');
  expect(clock.running).toBe(0);
});

test('who waits for room has it written once there is some, and is let go when all ends', async () => {
  const { clock, disk, file } = setUp();
  const ended = new AbortController();
  disk.fault = noRoom();
  const kept = file.rememberOnceThereIsRoom({ role: 'worker', begins: false }, ended.signal);
  await clock.advance(1000);
  disk.fault = undefined;
  await clock.advance(1000);
  await kept;
  expect(disk.written).toEqual([{ nodeId: 'n1', address: '192.0.2.1', role: 'worker' }]);
  disk.fault = noRoom();
  const given = expect(file.rememberOnceThereIsRoom({ votedUntil: 1 }, ended.signal)).rejects.toThrow('ENOSPC');
  ended.abort();
  await clock.advance(1000);
  await given;
  expect(clock.running).toBe(0);
});
