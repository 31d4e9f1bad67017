/** What a manager keeps of the snapshots that another one sends. */
import { Metadata } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { encode } from '#base/codec';
import type { Receiver } from '#raft/transport';
import { clientCredentials } from '#rpc/credentials';
import { RaftServiceClient } from '#rpc/generated/shoal/v1/raft';
import { TestAuthority } from '#test/support/cluster-certificates';
import { openDoor } from '#test/support/raft-lines';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

test('of a manager that begins one snapshot after the other one is kept, and the next is taken when that is given up', async () => {
  let goOn = (): void => {};
  const kept: Uint8Array[] = [];
  const slow: Receiver = {
    message: () => undefined,
    unreachable: () => undefined,
    reachable: () => undefined,
    async snapshot(_from, _message, pieces) {
      for await (const piece of pieces) {
        kept.push(piece);
        await new Promise<void>((resolve) => (goOn = resolve));
      }
    },
  };
  const authority = await TestAuthority.begin();
  const b = await openDoor(authority, 'b');
  stops.push(b.stop);
  await b.transport.start(slow);
  const client = new RaftServiceClient(b.address, clientCredentials(await authority.node('a', 'manager')));
  const metadata = new Metadata();
  metadata.set('shoal-to', 'b');
  metadata.set('shoal-incarnation', '1');
  const configuration = encode({ voters: ['a', 'b'], learners: [] });
  /** Resolves with the first answer, or why there is none. */
  const send = (transfer: string): Promise<string> => {
    const call = client.snapshot(metadata);
    const answered = new Promise<string>((resolve) => call.on('data', () => resolve('begun')).on('error', ({ message }) => resolve(message)));
    call.write({ frame: { $case: 'begin', value: { transfer, term: 1, index: 4, snapshotTerm: 1, configuration } } });
    call.write({ frame: { $case: 'piece', value: Buffer.from(transfer) } });
    return answered;
  };
  expect(await send('one')).toBe('begun');
  await expect.poll(() => kept.length, { timeout: 30_000 }).toBe(1);
  for (let again = 0; again < 3; again++) expect(await send('two')).toContain('14 UNAVAILABLE: the snapshot before is still being given up');
  goOn();
  expect(await send('two')).toBe('begun');
  await expect.poll(() => kept.length, { timeout: 30_000 }).toBe(2);
  expect(kept.map(String)).toEqual(['one', 'two']);
  goOn();
  client.close();
});
