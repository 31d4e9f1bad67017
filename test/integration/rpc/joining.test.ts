/** Joining by token over a real line: what admits, what is refused, and what the joiner believes. */
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { newRoot } from '#ca/authority';
import { identityOf } from '#ca/certificate';
import { joinToken, secretBytes } from '#ca/join-token';
import { updateCluster } from '#control/clusters';
import { readmitNode, removeNode, unseatManager, updateNode } from '#control/nodes';
import { certificates } from '#identity/certificates';
import type { Clock } from '#base/clock';
import type { ExternalCa as ExternalCaSpec } from '#model/object/cluster';
import type { Node } from '#model/object/node';
import { askToJoin, askToRenew, fetchRoot } from '#rpc/ca-client';
import { clientCredentials, LiveTls, strangerCredentials } from '#rpc/credentials';
import { nodeOfKey } from '#node/member/node-of-key';
import type { NodeDescription } from '#model/object/node';
import { clusterOf } from '#store/view';
import { TestAuthority } from '#test/support/cluster-certificates';
import { testDescription } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';
import { ExternalCa, type Asked } from '#test/support/external-ca';

import { cluster, seated, going, renewal, address, own, hasManager, tokens, nodes, join } from '#test/support/joining-world';

hasManager();

test('who has a token asks nobody but the leader; that a token is none, all who agree say', async () => {
  const read = vi.spyOn(cluster, 'read');
  await join();
  expect(read).not.toHaveBeenCalled();
  const wrong = joinToken(clusterOf(cluster.store)?.Shoal?.Authority?.Certificate ?? '', Buffer.alloc(secretBytes));
  await expect(join({ token: wrong })).rejects.toThrow('A valid join token is necessary');
  expect(read).toHaveBeenCalled();
});

test('a token makes a worker, with a certificate that says so', async () => {
  const { nodeId, role, managers, files } = await join({ availability: 'pause' });
  expect(cluster.store.get('node', nodeId)).toMatchObject({
    Spec: { Role: 'worker', Availability: 'pause' },
    Status: { State: 'unknown', Addr: '127.0.0.1' },
    Shoal: { Role: 'worker' },
  });
  expect([role, managers]).toEqual(['worker', [address, '127.0.0.1:2377']]);
  expect(identityOf(certificates.read(files.certificate).subject)).toEqual({ nodeId, role: 'worker', clusterId: 'c1' });
  const again = await askToRenew(address, clientCredentials(new LiveTls(files)), renewal(await certificates.request(certificates.newKey())));
  expect(identityOf(certificates.read(again.certificate).subject)).toEqual({ nodeId, role: 'worker', clusterId: 'c1' });
});

test('what the engine says is asked for when a manager was asked, and not before it is known to be the right one', async () => {
  const known: string[][] = [];
  const describe = async (): Promise<NodeDescription> => {
    known.push(nodes());
    return testDescription;
  };
  const foreign = (await TestAuthority.begin()).authority.JoinTokens.Worker;
  await expect(join({ describe, token: foreign })).rejects.toThrow('remote CA does not match fingerprint');
  const { entering } = await join({ describe });
  expect(known).toEqual([['boss']]);
  expect(await entering.described).toBe(testDescription);
  const { entering: alone } = await join({ describe: () => Promise.reject(new Error('the engine is away')) });
  await expect(alone.described).rejects.toThrow('the engine is away');
});

test('wrong, foreign and broken tokens admit nobody, nor does the one of before', async () => {
  const wrong = joinToken(await fetchRoot(address), new Uint8Array(secretBytes));
  await expect(join({ token: wrong })).rejects.toMatchObject({ code: 'invalidArgument', message: 'A valid join token is necessary to join this cluster' });
  const foreign = (await TestAuthority.begin()).authority.JoinTokens.Worker;
  await expect(join({ token: foreign })).rejects.toThrow(/^remote CA does not match fingerprint\. Expected: [0-9a-f]{64}$/);
  await expect(join({ token: 'SWMTKN-1-a-b' })).rejects.toThrow('invalid join token');
  await expect(join({ token: '' })).rejects.toThrow('A valid join token is necessary to join this cluster');
  const old = tokens().Worker;
  const { Version, Spec } = clusterOf(cluster.store) ?? ({} as never);
  cluster.run(updateCluster(Version.Index, Spec, { tokens: ['worker'] }));
  await expect(join({ token: old })).rejects.toThrow('A valid join token is necessary');
  expect(nodes()).toEqual(['boss']);
  expect((await join()).role).toBe('worker');
});

test('the token of managers makes one, who is among those who agree before he has a certificate', async () => {
  const { nodeId, role, managers, entering, files, incarnation } = await join({ token: tokens().Manager, advertised: '127.0.0.1:4711' });
  // Those whom it joins are not the first ones.
  expect(incarnation).toBe(3);
  expect(role).toBe('manager');
  expect(seated).toEqual([{ id: nodeId, address: '127.0.0.1:4711' }]);
  expect(managers).toContain('127.0.0.1:4711');
  expect(entering.leader).toBe('127.0.0.1:2377');
  expect(cluster.store.get('node', nodeId)).toMatchObject({ Spec: { Role: 'manager' }, Shoal: { Role: 'manager', ManagerAddr: '127.0.0.1:4711' } });
  expect(identityOf(certificates.read(files.certificate).subject)?.role).toBe('manager');
});

test('who cannot listen may be a worker, and hears why when his token is that of managers', async () => {
  const unheard = 'failed to listen on remote API address: listen tcp 0.0.0.0:2377: bind: address already in use';
  await expect(join({ token: tokens().Manager, unheard })).rejects.toThrow(unheard);
  expect([nodes(), seated]).toEqual([['boss'], []]);
  expect((await join({ unheard })).role).toBe('worker');
});

test('a node that is lost is replaced in one step, with its labels, and none that lives', async () => {
  const { nodeId } = await join({ token: tokens().Manager });
  const node = cluster.store.get('node', nodeId) ?? ({} as never);
  cluster.run(updateNode(nodeId, node.Version.Index, { ...node.Spec, Labels: { rack: '7' } }));
  await expect(join({ replaces: nodeId })).rejects.toThrow(`node ${nodeId} is a manager: replace it with the join token of managers`);
  await expect(join({ token: tokens().Manager, replaces: 'boss' })).rejects.toThrow("node boss is not down and can't be replaced");
  await expect(join({ token: tokens().Manager, replaces: 'nobody' })).rejects.toMatchObject({ code: 'notFound' });
  expect(nodes()).toEqual(['boss', nodeId]);
  going.length = 0;
  const next = await join({ token: tokens().Manager, replaces: nodeId });
  expect([nodes(), going]).toEqual([['boss', next.nodeId], [nodeId]]);
  expect(cluster.store.get('node', next.nodeId)?.Spec).toMatchObject({ Role: 'manager', Labels: { rack: '7' } });
});

test('another host becomes a worker that is lost when somebody has said so, and by no token alone', async () => {
  const { nodeId } = await join();
  const node = cluster.store.get('node', nodeId) ?? ({} as never);
  cluster.run(updateNode(nodeId, node.Version.Index, { ...node.Spec, Labels: { rack: '7' } }));
  await expect(join({ replaces: nodeId })).rejects.toThrow(
    `nobody has said that another host may take the place of node ${nodeId}: "shoal node readmit ${nodeId}" on a manager says so`,
  );
  expect(nodes()).toEqual(['boss', nodeId]);
  cluster.run(readmitNode(nodeId));
  const next = await join({ replaces: nodeId });
  expect(nodes()).toEqual(['boss', next.nodeId]);
  expect(cluster.store.get('node', next.nodeId)).toMatchObject({ Spec: { Role: 'worker', Labels: { rack: '7' } } });
  expect(cluster.store.get('node', next.nodeId)?.Shoal?.ReadmitUntil).toBeUndefined();
});

test('a worker that is wanted as a manager gets its certificate and its seat when it asks, and not before', async () => {
  const { nodeId, files } = await join();
  const { Version, Spec, Shoal: first } = cluster.store.get('node', nodeId) ?? ({} as never);
  cluster.run(updateNode(nodeId, Version.Index, { ...Spec, Role: 'manager' }));
  expect([seated, cluster.store.get('node', nodeId)?.Shoal?.Role]).toEqual([[], 'worker']);
  const credentials = clientCredentials(new LiveTls(files));
  const next = await askToRenew(address, credentials, renewal(await certificates.request(certificates.newKey()), '127.0.0.1:4712'));
  expect(identityOf(certificates.read(next.certificate).subject)?.role).toBe('manager');
  expect(seated).toEqual([{ id: nodeId, address: '127.0.0.1:4712' }]);
  const promoted = cluster.store.get('node', nodeId) ?? ({} as never);
  expect(promoted.Shoal).toMatchObject({ Role: 'manager', ManagerAddr: '127.0.0.1:4712' });
  // Unwanted again it stays one until the others have let it go.
  cluster.run(updateNode(nodeId, promoted.Version.Index, { ...promoted.Spec, Role: 'worker' }));
  const still = await askToRenew(address, credentials, renewal(await certificates.request(certificates.newKey())));
  expect(identityOf(certificates.read(still.certificate).subject)?.role).toBe('manager');
  cluster.run(unseatManager(nodeId));
  const last = await askToRenew(address, credentials, renewal(await certificates.request(certificates.newKey())));
  expect(identityOf(certificates.read(last.certificate).subject)?.role).toBe('worker');
  const noted = cluster.store.get('node', nodeId)?.Shoal;
  const until = { KeyUntil: certificates.read(last.certificate).validity.notAfter, ManagerUntil: certificates.read(still.certificate).validity.notAfter };
  const known = certificates.keyDigest(files.certificate) ?? '';
  // It never showed another key than its first: that is the one that it surely has.
  const Shown = { Key: known, Until: first?.KeyUntil };
  const newest = certificates.keyDigest(last.certificate);
  expect(noted).toEqual({ Role: 'worker', Key: newest, KeyUntil: expect.any(Number), ManagerUntil: expect.any(Number), Shown });
  expect(nodeOfKey(cluster.store, known)).toMatchObject({ nodeId, certifiedUntil: first?.KeyUntil });
  expect(nodeOfKey(cluster.store, certificates.keyDigest(still.certificate) ?? '')).toBeUndefined();
  for (const at of ['KeyUntil', 'ManagerUntil'] as const) expect(Math.abs((noted?.[at] ?? 0) - until[at]), at).toBeLessThan(1000);
  cluster.run(removeNode(nodeId, true));
  expect(clusterOf(cluster.store)?.Shoal?.Removed).toEqual({ [nodeId]: (noted?.ManagerUntil ?? 0) + 3_600_000 });
});

test('guessing is slow, and what is no request leaves nothing behind', async () => {
  const root = await fetchRoot(address);
  const request = await certificates.request(certificates.newKey());
  const ask = (token: string, text = request) =>
    askToJoin(address, root, { request: text, token, availability: 'active', advertised: '', replaces: '', unheard: '' });
  await expect(ask(tokens().Worker, 'x')).rejects.toMatchObject({ code: 'invalidArgument' });
  await expect(askToJoin(address, root, { request, token: tokens().Worker, availability: 'often', advertised: '', replaces: '', unheard: '' })).rejects.toThrow(
    'invalid Availability',
  );
  for (let guess = 0; guess < 10; guess++) await expect(ask(`guess ${guess}`)).rejects.toThrow('A valid join token is necessary');
  await expect(ask('guess')).rejects.toMatchObject({
    code: 'permissionDenied',
    message: expect.stringMatching(/^too many wrong join tokens came from 127\.0\.0\.1: try again in \d+ seconds$/),
  });
  await expect(ask(tokens().Worker)).rejects.toThrow('too many wrong join tokens');
  expect(nodes()).toEqual(['boss']);
});

test('wrong guesses that a manager hands on are the joiner’s, who is told from others by that manager’s word alone', async () => {
  const root = await fetchRoot(address);
  const wrong = joinToken(root, new Uint8Array(secretBytes));
  const request = await certificates.request(certificates.newKey());
  const asked = { request, availability: 'active', advertised: '', replaces: '', unheard: '' };
  const relayed = (token: string, comesFrom: string, by = clientCredentials(own)) => askToJoin(address, root, { ...asked, token, comesFrom }, by);
  for (let guess = 0; guess < 10; guess++) await expect(relayed(wrong, '192.0.2.9')).rejects.toThrow('A valid join token is necessary');
  await expect(relayed(tokens().Worker, '192.0.2.9')).rejects.toThrow('too many wrong join tokens came from 192.0.2.9');
  const { nodeId } = await relayed(tokens().Worker, '192.0.2.8');
  expect(cluster.store.get('node', nodeId)?.Status.Addr).toBe('192.0.2.8');
  const { nodeId: sixth } = await relayed(tokens().Manager, '2001:db8::42:17');
  expect(cluster.store.get('node', sixth)).toMatchObject({ Status: { Addr: '2001:db8::42:17' }, Shoal: { ManagerAddr: '[2001:db8::42:17]:2377' } });
  // Whoever is no manager comes from where he comes from, whatever he says; a worker, or one with no certificate.
  const { files } = await join();
  for (const by of [clientCredentials(new LiveTls(files)), strangerCredentials(root)])
    for (let guess = 0; guess < 5; guess++) await expect(relayed(wrong, `192.0.2.${guess}`, by)).rejects.toThrow('A valid join token is necessary');
  await expect(join()).rejects.toThrow('too many wrong join tokens came from 127.0.0.1');
});

test('who repeats what made it a manager is none again after it was demoted', async () => {
  const kept = new Map<string, unknown>();
  const submit = cluster.submit.bind(cluster);
  Object.assign(cluster, {
    submit: async (useCase: Parameters<typeof submit>[0], id = '') => {
      if (!kept.has(id)) kept.set(id, await submit(useCase));
      return id === '' ? await submit(useCase) : kept.get(id);
    },
  });
  const request = await certificates.request(certificates.newKey());
  const ask = async () =>
    askToJoin(address, await fetchRoot(address), { request, token: tokens().Manager, availability: 'active', advertised: '', replaces: '', unheard: '' });
  const { nodeId } = await ask();
  expect((await ask()).nodeId).toBe(nodeId);
  seated.length = 0;
  const { Version, Spec } = cluster.store.get('node', nodeId) as Node;
  cluster.run(updateNode(nodeId, Version.Index, { ...Spec, Role: 'worker' }));
  cluster.run(unseatManager(nodeId));
  await expect(ask()).rejects.toMatchObject({ code: 'permissionDenied', message: `node ${nodeId} is no manager any more: join again` });
  expect(seated).toEqual([]);
});

test('of one node one certificate is made at a time', async () => {
  const { files } = await join();
  const request = await certificates.request(certificates.newKey());
  const ask = () => askToRenew(address, clientCredentials(new LiveTls(files)), renewal(request));
  const submit = cluster.submit.bind(cluster);
  let goOn = (): void => undefined;
  const waits = new Promise<void>((resolve) => (goOn = resolve));
  const noted = new Promise<void>((resolve) => Object.assign(cluster, { submit: async (useCase: never) => (resolve(), await waits, submit(useCase)) }));
  const first = ask();
  await noted;
  await expect(ask()).rejects.toThrow('asks for a certificate already');
  goOn();
  await expect(first).resolves.toBeDefined();
  await expect(ask()).resolves.toBeDefined();
});

test('a node that was removed gets no further certificate', async () => {
  const { nodeId, files } = await join();
  const request = await certificates.request(certificates.newKey());
  cluster.run(removeNode(nodeId, true));
  await expect(askToRenew(address, clientCredentials(new LiveTls(files)), renewal(request))).rejects.toMatchObject({
    code: 'permissionDenied',
    message: `node ${nodeId} was removed from swarm`,
  });
});

test('where nobody listens that is said soon; where somebody is silent it waits until it is told to end', async () => {
  const closed = createServer();
  const free = await listening(closed);
  await new Promise((resolve) => closed.close(resolve));
  await expect(join({ remotes: [`127.0.0.1:${free}`] })).rejects.toThrow(`dial tcp 127.0.0.1:${free}: connect: connection refused`);

  const silent = createServer();
  const connected = new Promise((resolve) => silent.once('connection', resolve));
  const ending = new AbortController();
  const joining = join({ remotes: [`127.0.0.1:${await listening(silent)}`] }, ending.signal);
  await connected;
  ending.abort(new Error('told to end'));
  await expect(joining).rejects.toThrow('told to end');
  silent.close();
});

test('who gives up before he asked for it becomes no node', async () => {
  await expect(join({}, AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up');
  expect(nodes()).toEqual(['boss']);
});

test('a silent address does not keep it from the next one', async () => {
  const closed = createServer();
  const free = await listening(closed);
  await new Promise((resolve) => closed.close(resolve));
  expect((await join({ remotes: [`127.0.0.1:${free}`, address] })).role).toBe('worker');
});

function listening(held: Server): Promise<number> {
  return new Promise((resolve) => held.listen(0, '127.0.0.1', () => resolve((held.address() as { port: number }).port)));
}

const dayMs = 24 * 3_600_000;

describe('with an external CA', () => {
  let external: ExternalCa;
  beforeEach(async () => {
    const authority = clusterOf(cluster.store)?.Shoal?.Authority;
    const root = { certificate: authority?.Certificate ?? '', key: authority?.Key ?? '' };
    external = await ExternalCa.start(root, await shownBy(root));
    configure([{ Protocol: 'cfssl', URL: external.url }]);
  });
  afterEach(() => external.stop());

  /** A server's certificate for this host. */
  async function shownBy(root: { certificate: string; key: string }): Promise<LiveTls> {
    const key = certificates.newKey();
    const template = {
      subject: { commonName: 'signer' },
      names: ['localhost'],
      validity: { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 3_600_000 },
    };
    return new LiveTls({ certificate: await certificates.issue(await certificates.request(key), template, root), key, roots: root.certificate });
  }

  function configure(ExternalCAs: readonly ExternalCaSpec[]): void {
    const { Version, Spec } = clusterOf(cluster.store) ?? ({} as never);
    cluster.run(updateCluster(Version.Index, { ...Spec, CAConfig: { ...Spec.CAConfig, ExternalCAs } }));
  }

  const ask = async () => askToJoin(address, await fetchRoot(address), { ...requested, request: await certificates.request(certificates.newKey()) });
  const requested = { token: '', availability: 'active', advertised: '', replaces: '', unheard: '' };

  test('it signs what joins and what is renewed, asked by a manager with its own certificate', async () => {
    const { nodeId, files } = await join();
    expect(external.asked).toContainEqual({ by: 'boss', for: nodeId });
    expect(identityOf(certificates.read(files.certificate).subject)).toEqual({ nodeId, role: 'worker', clusterId: 'c1' });
    const before = external.asked.length;
    await askToRenew(address, clientCredentials(new LiveTls(files)), renewal(await certificates.request(certificates.newKey())));
    expect(external.asked.slice(before)).toEqual([{ by: 'boss', for: nodeId }]);
  });

  test('one that is for another root is not asked', async () => {
    const other = await newRoot(certificates, Date.now());
    configure([{ Protocol: 'cfssl', URL: external.url, CACert: other.certificate }]);
    await join();
    expect(external.asked).toEqual([]);
  });

  test('the second is asked where the first is silent', async () => {
    configure([
      { Protocol: 'cfssl', URL: 'https://localhost:1/' },
      { Protocol: 'cfssl', URL: external.url },
    ]);
    expect((await join()).role).toBe('worker');
  });

  test('while it is away who joins goes on asking, for the manager is there, and is in when it is back', async () => {
    configure([{ Protocol: 'cfssl', URL: 'https://localhost:1/' }]);
    let hours = 0;
    const impatient: Clock = { ...realClock, monotonicNow: () => hours++ * 3_600_000 };
    const joining = join({}, undefined, impatient);
    await Promise.race([joining, vi.waitFor(() => expect(nodes()).toHaveLength(2))]);
    configure([{ Protocol: 'cfssl', URL: external.url }]);
    expect((await joining).role).toBe('worker');
  });

  test.each<[string, (asked: Asked) => Promise<string> | string, RegExp]>([
    ['refuses', () => JSON.stringify({ success: false, errors: [{ code: 5300, message: 'policy' }] }), /did not sign: policy$/],
    ['answers nothing of use', () => 'x', /did not sign: it answered something else$/],
    ['answers without end', () => 'x'.repeat(10_000_000), /cannot be asked: it answers too much$/],
    ['names somebody else', (asked) => external.sign({ ...asked, subject: { ...asked.subject, CN: 'boss' } }), /no good certificate: it names somebody else$/],
    [
      'makes a manager of a worker',
      (asked) => external.sign({ ...asked, subject: { ...asked.subject, names: [{ OU: 'swarm-manager', O: 'c1' }] } }),
      /it names somebody else$/,
    ],
    ['leaves names out', (asked) => external.sign({ ...asked, hosts: ['x'] }), /it leaves out the name swarm-worker, /],
    ['adds a name of managers', (asked) => external.sign({ ...asked, hosts: [...asked.hosts, 'swarm-manager'] }), /it adds the name swarm-manager$/],
    [
      'signs for tomorrow',
      (asked) => external.sign(asked, { notBefore: Date.now() + dayMs, notAfter: Date.now() + 2 * dayMs }),
      /it is good from 2.* on only$/,
    ],
    ['signs for yesterday', (asked) => external.sign(asked, { notBefore: Date.now() - 2 * dayMs, notAfter: Date.now() - dayMs }), /it is good until 2.* only$/],
    [
      'certifies another key',
      async (asked) => external.sign({ ...asked, certificate_request: await certificates.request(certificates.newKey()) }),
      /no good certificate: it is for another key$/,
    ],
  ])('one that %s: nobody gets in, and the reason is told', async (_what, answer, reason) => {
    external.answer = answer;
    requested.token = tokens().Worker;
    await expect(ask()).rejects.toThrow(reason);
    external.answer = (asked) => external.sign(asked);
    expect((await join()).role).toBe('worker');
  });

  test('one that a stranger vouches for is not believed', async () => {
    const stranger = await newRoot(certificates, Date.now());
    const impostor = await ExternalCa.start(external.root, await shownBy(stranger));
    configure([{ Protocol: 'cfssl', URL: impostor.url }]);
    requested.token = tokens().Worker;
    await expect(ask()).rejects.toThrow(/cannot be asked: /);
    expect(impostor.asked).toEqual([]);
    await impostor.stop();
  });
});
