/** What one node may have under way at a manager, over real connections. */
import { Client, type ServerUnaryCall, type ServiceError } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { clientCredentials, serverCredentials, type LiveTls } from '#rpc/credentials';
import { DispatcherServiceService } from '#rpc/generated/shoal/v1/dispatcher';
import { RpcServer } from '#rpc/rpc-server';
import { TestAuthority } from '#test/support/cluster-certificates';
import { silentLogger } from '#test/support/silent-logger';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

const pass = (bytes: Buffer): Buffer => bytes;

/** A manager that has `heard` so many descriptions, and answers none. */
async function manager(): Promise<{ port: number; heard: () => number; node: LiveTls }> {
  const authority = await TestAuthority.begin();
  const credentials = serverCredentials(await authority.node('m', 'manager'));
  const members = { clusterId: () => authority.clusterId, roleOf: () => 'worker' as const, current: () => true };
  const server = new RpcServer('127.0.0.1:0', { credentials, members, logger: silentLogger });
  let heard = 0;
  const { updateDescription } = DispatcherServiceService;
  server.add({ updateDescription }, { updateDescription: ((_call: ServerUnaryCall<unknown, unknown>) => void heard++) as never });
  cleanups.push(() => server.stop());
  return { port: await server.start(), heard: () => heard, node: await authority.node('n', 'worker') };
}

test('messages that do not come whole take no more of a manager than their node has; whole ones wait for their answers beside one another', async () => {
  const { port, heard, node } = await manager();
  const client = new Client(`127.0.0.1:${port}`, clientCredentials(node));
  cleanups.push(() => client.close());
  const refused: string[] = [];
  const begin = (whole: boolean) => {
    const answered = (error: ServiceError | null): void => void (error && refused.push(error.details));
    const call = client.makeClientStreamRequest(DispatcherServiceService.updateDescription.path, pass, pass, answered);
    if (whole) call.end(Buffer.alloc(0));
    else call.write(Buffer.alloc(0));
    return call;
  };
  for (let at = 1; at <= 40; at++) {
    begin(true);
    await expect.poll(heard, { timeout: 30_000, interval: 5 }).toBe(at);
  }
  const halves = Array.from({ length: 40 }, () => begin(false));
  await expect.poll(() => refused, { timeout: 30_000 }).toHaveLength(9);
  expect(new Set(refused)).toEqual(new Set(['node n has too many calls under way: try again in a moment']));
  for (const call of halves) call.cancel();
  await expect
    .poll(
      () => {
        begin(true);
        return heard();
      },
      { timeout: 30_000 },
    )
    .toBeGreaterThan(40);
});

test('a node has so many connections and no more', async () => {
  const { port, heard, node } = await manager();
  const refused: string[] = [];
  for (let at = 0; at < 65; at++) {
    const client = new Client(`127.0.0.1:${port}`, clientCredentials(node), { 'grpc.use_local_subchannel_pool': 1 });
    cleanups.push(() => client.close());
    client.makeUnaryRequest(DispatcherServiceService.updateDescription.path, pass, pass, Buffer.alloc(0), (error) => error && refused.push(error.details));
  }
  await expect.poll(() => [heard(), refused], { timeout: 60_000 }).toEqual([64, ['node n has too many connections: 64 are taken']]);
});
