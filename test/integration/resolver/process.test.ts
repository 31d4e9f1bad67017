/** The process that answers names, without a network of its own: loopback addresses stand for gateways. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { silentLogger } from '#test/support/silent-logger';
import type { Traffic } from '#network/contract';
import { launch, launchOnHost, resolverProgram, type Launch } from '#resolver/launch';
import { ResolverNames } from '#resolver/resolver-names';
import { clusterNetwork, endpointTask, serviceEndpoint } from '../../support/endpoints.ts';
import { until } from '../../support/machine.mjs';
import { realClock } from '../../support/real-clock.ts';
import { ask, askUntilAnswered, patienceMs } from '../../support/asked-names.ts';
import { isAlive, pssMegabytes, resolverPid } from '../../support/resolver-process.ts';

const file = fileURLToPath(new URL('../../../.build/resolver.mjs', import.meta.url));
const program = resolverProgram(file);
const networks = ['front', 'back'].map((id, index) => ({ network: clusterNetwork(id), gateway: `127.0.54.${index + 1}` }));
const traffic = (...addresses: string[]): Traffic => ({
  services: [
    serviceEndpoint(
      'web_api',
      [],
      addresses.map((address, index) => endpointTask(`t${index}`, index + 1, true, `front ${address} api`)),
    ),
  ],
  networks,
});

let folder: string;
let socket: string;
let lives: ResolverNames[];
let asking: { more: (count: number) => Promise<void>; stop: () => Promise<{ asked: number; failed: string[] }> }[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-names-'));
  socket = join(folder, 'resolver.sock');
  lives = [];
  asking = [];
});
afterEach(async () => {
  for (const each of asking) await each.stop();
  for (const life of lives) await life.tearDown().catch(() => undefined);
  rmSync(folder, { recursive: true });
});

/** A daemon's names, started. */
async function live(
  more: { build?: string; owner?: string; instance?: string; launch?: Launch; logger?: Logger; clock?: Clock; door?: { path: string; leadsTo: string } } = {},
): Promise<ResolverNames> {
  const { build = program.build, owner = 'node1', instance = '', launch: start = launchOnHost, logger = silentLogger, clock = realClock, door } = more;
  const names = new ResolverNames({ socket, owner, instance, program: { ...program, build }, ...(door && { door }) }, { launch: start, logger, clock });
  lives.push(names);
  await names.start(() => {});
  return names;
}

/** As if the daemon had been killed: its connection ends without a word. */
const crash = (names: ResolverNames): Promise<void> => names.stop();

const portOf = (names: ResolverNames): number => names.servers().find(({ networkId }) => networkId === 'front')?.port ?? 0;

/** Asks without a pause, by UDP and by TCP, until stopped. */
function keepAsking(port: number, expected: readonly string[]): void {
  let stopped = false;
  let asked = 0;
  const failed: string[] = [];
  const loop = async (overTcp: boolean): Promise<void> => {
    while (!stopped) {
      asked += 1;
      const answer = await ask(port, 'api', overTcp);
      if (!expected.includes(answer)) failed.push(answer);
    }
  };
  /** By one socket, ten thousand take little more than a second. */
  const often = async (): Promise<void> => {
    const asker = createSocket('udp4');
    asker.connect(port, '127.0.54.1');
    await once(asker, 'connect');
    const query = encode({ type: 'query', id: 0, flags: 0x100, questions: [{ type: 'A', name: 'api' }] });
    for (let id = 0; !stopped; id = (id + 1) % 0x10000) {
      query.writeUInt16BE(id);
      asked += 1;
      asker.send(query);
      const [answer] = (await Promise.race([once(asker, 'message'), once(AbortSignal.timeout(patienceMs), 'abort')])) as [Buffer | Event];
      const address = answer instanceof Buffer && answer.readUInt16BE() === id ? [...answer.subarray(-4)].join('.') : 'no answer';
      if (!expected.includes(address)) failed.push(address);
    }
    asker.close();
  };
  const loops = [often(), loop(false), loop(true)];
  asking.push({
    async more(count) {
      await until(
        () => asked >= count,
        60_000,
        () => `${asked} were asked`,
      );
    },
    async stop() {
      stopped = true;
      await Promise.all(loops);
      return { asked, failed };
    },
  });
}

test('the daemon dies, and names go on; the next one takes over without a lost answer', async () => {
  const first = await live();
  await first.apply(traffic('10.0.1.5'));
  const port = portOf(first);
  expect(await ask(port, 'api')).toBe('10.0.1.5');
  keepAsking(port, ['10.0.1.5', '10.0.1.6']);
  await crash(first);
  expect(await ask(port, 'api')).toBe('10.0.1.5');
  const second = await live();
  await second.apply(traffic('10.0.1.6'));
  expect(portOf(second)).toBe(port);
  expect(await ask(port, 'api')).toBe('10.0.1.6');
  expect(await asking[0]?.stop()).toMatchObject({ failed: [] });
});

test('a resolver of another version hands over: the same sockets, the same names, no answer of ten thousand lost', async () => {
  const first = await live();
  await first.apply(traffic('10.0.1.5'));
  const port = portOf(first);
  keepAsking(port, ['10.0.1.5']);
  const counted = (await first.counters())['answered'] ?? 0;
  for (const [at, build] of ['two', 'three', 'four'].entries()) {
    await asking[0]?.more(3000 * (at + 1));
    await crash(lives.at(-1) ?? first);
    const told: string[] = [];
    const next = await live({
      build,
      logger: { ...silentLogger, info: (_, message) => void told.push(message), warn: (_, message) => void told.push(message) },
    });
    expect(told).toEqual(['the resolver of another version handed its sockets and names over']);
    // Before the new daemon has said anything.
    expect(await ask(port, 'api')).toBe('10.0.1.5');
    await next.apply(traffic('10.0.1.5'));
    expect(portOf(next)).toBe(port);
    expect((await next.counters())['answered']).toBeGreaterThan(counted);
  }
  await asking[0]?.more(10_000);
  expect(await asking[0]?.stop()).toMatchObject({ failed: [] });
});

test('the socket for containers stays the same one through another daemon and another version, and comes back when somebody has removed it', async () => {
  const door = { path: join(folder, 'engine.sock'), leadsTo: join(folder, 'daemon.sock') };
  const daemon = createServer((client) => void client.end('the daemon')).listen(door.leadsTo);
  const said = async (): Promise<string> => {
    const client = connect(door.path);
    let text = '';
    for await (const chunk of client) text += String(chunk);
    return text;
  };
  try {
    await (await live({ build: 'before', door })).stop();
    const { ino } = statSync(door.path);
    expect(await said()).toBe('the daemon');
    const names = await live({ door });
    expect([statSync(door.path).ino, await said()]).toEqual([ino, 'the daemon']);
    rmSync(door.path);
    await names.audit();
    expect(await said()).toBe('the daemon');
  } finally {
    daemon.close();
  }
});

test('a resolver that cannot hand over is replaced', async () => {
  const first = await live();
  await first.apply(traffic('10.0.1.5'));
  await crash(first);
  const broken = join(folder, 'broken.mjs');
  writeFileSync(broken, 'process.exit(3)');
  const told: object[] = [];
  const logger = { ...silentLogger, warn: (facts: object) => void told.push(facts) };
  // The program that is to take over ends at once; the one that is started afterwards does not.
  let starts = 0;
  const second: Launch = (command) => launchOnHost(++starts === 1 ? command.map((word) => (word === broken ? file : word)) : command);
  const names = new ResolverNames(
    { socket, owner: 'node1', instance: '', program: { command: program.command.map((word) => (word === file ? broken : word)), build: 'new' } },
    { launch: second, logger, clock: realClock },
  );
  lives.push(names);
  await names.start(() => {});
  expect(told).toEqual([{ reason: 'it ended with 3' }]);
  await names.apply(traffic('10.0.1.7'));
  expect(await ask(portOf(names), 'api')).toBe('10.0.1.7');
});

test('only changes are told, and what goes is forgotten', async () => {
  const names = await live();
  const [service] = traffic('10.0.1.5').services;
  if (!service) throw new Error('no service');
  const other = serviceEndpoint('web_db', [], [endpointTask('d', 1, true, 'front 10.0.1.9 db')]);
  await names.apply({ services: [service, other], networks });
  await names.apply({ services: [service], networks });
  // Nobody answers for the host: an unknown name fails.
  expect([await ask(portOf(names), 'api'), await ask(portOf(names), 'db')]).toEqual(['10.0.1.5', expect.stringMatching(/code|no answer/)]);
  await names.apply({ services: [service], networks: networks.slice(1) });
  expect(names.servers().map(({ networkId }) => networkId)).toEqual(['back']);
});

test('a network without its bridge is a problem until it is there', async () => {
  const names = await live();
  const gone = { network: clusterNetwork('gone'), gateway: '203.0.113.77' };
  await names.apply({ services: [], networks: [...networks, gone] });
  expect(names.problems()).toEqual(['cannot serve names of network gone on 203.0.113.77: no interface of this host has that address']);
  expect(names.servers()).toHaveLength(2);
  await names.apply({ services: [], networks });
  expect(names.problems()).toEqual([]);
});

test('one that ends before it has said who it is is followed by a new one', async () => {
  const dying = createServer((line) => {
    line.destroy();
    dying.close();
  });
  dying.listen(socket);
  await once(dying, 'listening');
  const names = await live();
  await names.apply(traffic('10.0.1.5'));
  expect(await ask(portOf(names), 'api')).toBe('10.0.1.5');
});

test('one that hangs is killed, and followed by a new one that knows everything; by a daemon that comes to it as well', async () => {
  // What is waited for takes a fiftieth of its time.
  const clock = { ...realClock, after: (ms: number, run: () => void) => realClock.after(ms / 50, run) };
  const names = await live({ clock });
  await names.apply(traffic('10.0.1.5'));
  const first = await resolverPid(socket);
  process.kill(first, 'SIGSTOP');
  expect(await names.audit()).toEqual(['the process that answers names had ended; another one answers now']);
  expect([isAlive(first), await ask(portOf(names), 'api')]).toEqual([false, '10.0.1.5']);
  const second = await resolverPid(socket);
  await crash(names);
  process.kill(second, 'SIGSTOP');
  const next = await live({ clock });
  await next.apply(traffic('10.0.1.7'));
  expect([isAlive(second), await ask(portOf(next), 'api')]).toEqual([false, '10.0.1.7']);
});

test('one that ends by itself is followed by a new one that knows everything', async () => {
  const names = await live();
  await names.apply(traffic('10.0.1.5'));
  process.kill(await resolverPid(socket), 'SIGKILL');
  await until(
    async () => (await names.audit()).length > 0,
    60_000,
    () => 'its end was not seen',
  );
  expect(await ask(portOf(names), 'api')).toBe('10.0.1.5');
});

describe('whose it is', () => {
  test('that of another cluster is ended, and its names are not answered', async () => {
    const first = await live({ owner: 'node-of-old' });
    await first.apply(traffic('10.0.1.5'));
    const old = await resolverPid(socket);
    await crash(first);
    const second = await live({ owner: 'node-of-new' });
    await second.apply({ services: [], networks });
    expect(await resolverPid(socket)).not.toBe(old);
    expect(await ask(portOf(second), 'api')).not.toBe('10.0.1.5');
  });

  test('a file that is no socket of ours is refused, with what to do', async () => {
    writeFileSync(socket, '');
    await expect(live()).rejects.toThrow(/was made by somebody else .*: find out who, remove it/);
  });

  test('one that nobody can find any more ends by itself', async () => {
    const first = await live();
    const pid = await resolverPid(socket);
    await crash(first);
    rmSync(socket);
    await until(
      () => !isAlive(pid),
      60_000,
      () => 'it goes on',
    );
  });

  test('leaving ends it', async () => {
    const names = await live();
    const pid = await resolverPid(socket);
    await names.tearDown();
    await until(
      () => !isAlive(pid),
      30_000,
      () => 'it goes on',
    );
  });
});

test('under systemd it is in a scope of its own, so that the daemon’s unit ends without it', async () => {
  // Stands for the real one: it writes down how it was called and becomes the command, as --scope does.
  const tools = join(folder, 'bin');
  mkdirSync(tools);
  const seen = join(folder, 'seen');
  writeFileSync(join(tools, 'systemd-run'), `#!/bin/sh\necho "$@" > ${seen}\nwhile [ "$1" != -- ]; do shift; done; shift\nexec "$@"\n`, { mode: 0o755 });
  const path = process.env['PATH'];
  process.env['PATH'] = `${tools}:${path}`;
  try {
    const names = await live({ launch: (command, apart = true) => launch(command, apart) });
    await names.apply(traffic('10.0.1.5'));
    expect(await ask(portOf(names), 'api')).toBe('10.0.1.5');
  } finally {
    process.env['PATH'] = path;
  }
  expect(readFileSync(seen, 'utf8')).toMatch(/^--scope --quiet --collect --unit=shoal-resolver-[0-9a-f]{8} .* -- \S+node/);
});

test('where systemd-run does not work it is started without, and that is told', async () => {
  const tools = join(folder, 'bin');
  mkdirSync(tools);
  writeFileSync(join(tools, 'systemd-run'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const path = process.env['PATH'];
  process.env['PATH'] = `${tools}:${path}`;
  const told: string[] = [];
  try {
    const names = await live({
      launch: (command, apart = true) => launch(command, apart),
      logger: { ...silentLogger, warn: (_, message) => void told.push(message) },
    });
    await names.apply(traffic('10.0.1.5'));
    expect(await ask(portOf(names), 'api')).toBe('10.0.1.5');
  } finally {
    process.env['PATH'] = path;
  }
  expect(told).toEqual([expect.stringContaining('KillMode=process')]);
});

test('it is a session of its own and holds none of the daemon’s files', async () => {
  await live();
  const pid = await resolverPid(socket);
  const [, , group, session] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  expect([group, session]).toEqual([String(pid), String(pid)]);
  const descriptors = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`));
  expect(descriptors.filter((target) => target.startsWith('/') && !target.startsWith('/dev/null') && !target.startsWith('/proc'))).toEqual([]);
  expect(pssMegabytes(pid)).toBeLessThan(50);
});

describe('a container that', () => {
  let port: number;
  beforeEach(async () => {
    const names = await live();
    await names.apply(traffic('10.0.1.5'));
    port = portOf(names);
  });

  test('holds all connections that it gets leaves others theirs', async () => {
    const held = Array.from({ length: 300 }, () => connect({ host: '127.0.54.1', port, localAddress: '127.0.54.99' }).on('error', () => undefined));
    try {
      await Promise.all(held.map((each) => once(each, 'connect')));
      expect(await askUntilAnswered(port, 'api', true)).toBe('10.0.1.5');
    } finally {
      for (const each of held) each.destroy();
    }
  });

  test('asks in a flood leaves others their answers', async () => {
    const flood = createSocket('udp4');
    const query = encode({ type: 'query', id: 1, flags: 0x100, questions: [{ type: 'A', name: 'unknown.example' }] });
    await new Promise<void>((resolve) => flood.bind(0, '127.0.54.98', resolve));
    const sent = Array.from({ length: 3000 }, () => new Promise((resolve) => flood.send(query, port, '127.0.54.1', resolve)));
    try {
      await Promise.all(sent);
      expect(await askUntilAnswered(port, 'api')).toBe('10.0.1.5');
    } finally {
      flood.close();
    }
  });
});
