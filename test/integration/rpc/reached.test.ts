/** Who is to be a manager, by joining or by promotion, is reached where it says that it is, or gets no seat. */
import { expect, test } from 'vitest';
import { greetingOf } from '#ca/greeting';
import { identityOf } from '#ca/certificate';
import { updateNode } from '#control/nodes';
import { certificates } from '#identity/certificates';
import type { Node } from '#model/object/node';
import { askAnyToRenew } from '#rpc/ca-client';
import { clientCredentials, LiveTls } from '#rpc/credentials';
import { Greeter, greetingAt } from '#rpc/greeter';
import { update } from '#store/action';
import { address, cluster, hasManager, join, nodes, renewal, seated, tokens } from '#test/support/joining-world';

hasManager();

test('who wants a seat among the managers is reached where he says that he is, by them, or gets none', async () => {
  const token = tokens().Manager;
  const greeter = await Greeter.listen('127.0.0.1:0');
  const another = await Greeter.listen('127.0.0.1:0');
  const why = 'could not connect to prospective new cluster member using its advertised address: ';
  another.greet('0'.repeat(64));
  const elsewhere = `127.0.0.1:${another.port}`;
  await expect(join({ token, greeter, advertised: elsewhere })).rejects.toThrow(`${why}another one answers at ${elsewhere}`);
  await another.close();
  const again = await Greeter.listen('127.0.0.1:0');
  await expect(join({ token, greeter: again, advertised: elsewhere })).rejects.toThrow(`${why}dial tcp ${elsewhere}: connect: connection refused`);
  // Neither a node nor a seat of it is left.
  expect([nodes(), seated]).toEqual([['boss'], []]);
  const nowhere = await Greeter.listen('127.0.0.1:0');
  await expect(join({ token, greeter: nowhere, advertised: 'm1:99999' })).rejects.toThrow('advertise address must be a non-zero IP address');
  const third = await Greeter.listen('127.0.0.1:0');
  const { port } = third;
  const { nodeId } = await join({ token, greeter: third, advertised: `127.0.0.1:${port}` });
  expect(seated).toMatchObject([{ id: nodeId }]);
  // Where it listened it is to be a manager now; of a worker nobody looks.
  await (await Greeter.listen(`127.0.0.1:${port}`)).close();
  expect((await join({ greeter: await Greeter.listen('127.0.0.1:0'), advertised: elsewhere })).role).toBe('worker');
});

test('so is a worker that is to be one: until then it is a worker whose status says why', async () => {
  const { nodeId, files } = await join();
  const node = (): Node => cluster.store.get('node', nodeId) ?? ({} as never);
  const want = (Role: 'manager' | 'worker') => cluster.run(updateNode(nodeId, node().Version.Index, { ...node().Spec, Role }));
  const ask = async (seat: string, at = '127.0.0.1:1', request?: string) => {
    const asked = renewal(request ?? (await certificates.request(certificates.newKey())), at, seat);
    // A manager that knows of no leader is asked after the one that has decided: its answer says nothing of that.
    const { certificate } = await askAnyToRenew([address, '127.0.0.1:1'], clientCredentials(new LiveTls(files)), asked);
    return identityOf(certificates.read(certificate).subject)?.role;
  };
  cluster.write([update('node', { ...node(), Status: { ...node().Status, State: 'ready' } })]);
  want('manager');
  const why = 'could not connect to prospective new cluster member using its advertised address: dial tcp 127.0.0.1:1: connect: connection refused';
  await expect(ask('wanted')).rejects.toThrow(why);
  const told = node();
  expect([seated, told.Shoal?.Role, told.Status.Message]).toEqual([[], 'worker', `cannot become a manager: ${why}`]);
  // Asked again for the same reason nothing is written; meanwhile its certificates go on.
  await expect(ask('wanted')).rejects.toThrow(why);
  expect(node()).toEqual(told);
  expect([await ask('unwanted'), seated]).toEqual(['worker', []]);
  want('worker');
  expect(node().Status.Message).toBeUndefined();
  want('manager');
  await expect(ask('wanted')).rejects.toThrow(why);
  const request = await certificates.request(certificates.newKey());
  const free = await Greeter.listen('127.0.0.1:0');
  const place = `127.0.0.1:${free.port}`;
  await free.close();
  expect(await greetingAt(place, greetingOf(request), () => ask('wanted', place, request))).toBe('manager');
  expect([seated, node().Status.Message]).toEqual([[{ id: nodeId, address: place }], undefined]);
});
