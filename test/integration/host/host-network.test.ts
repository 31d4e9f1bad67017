/** Published ports and names on a real host with a real engine, FORWARD policy DROP. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServiceEndpoint } from '#model/object/assignment';
import { bridgeName } from '#model/object/network';
import { type Host, loadImage, startHost, until, whyNoHost } from '../../support/machine.mjs';
import { type NetworkClient, startNetworkClient } from '../../support/network-client.ts';
import { endpoint, names, networks } from '../../support/two-networks.ts';

describe.skipIf(whyNoHost() !== undefined)('published ports and names', () => {
  let host: Host;
  let client: NetworkClient;
  const machine = { enter: [] as string[] };

  beforeAll(async () => {
    host = await startHost();
    host.run(['iptables', '-P', 'FORWARD', 'DROP']);
    loadImage(host.socket, 'replica:1', { command: ['/bin/sh', '-c', 'hostname > /www/index.html; exec httpd -f -p 80 -h /www'] });
    for (const [index, { network, gateway }] of networks.entries()) {
      const name = bridgeName(network.ID);
      const place = ['--subnet', `10.91.${index + 1}.0/24`, '--gateway', gateway];
      host.docker(['network', 'create', '-d', 'bridge', '-o', `com.docker.network.bridge.name=${name}`, ...place, network.Spec.Name]);
    }
    client = startNetworkClient(host.enter, { instance: 'test', socket: `${host.folder}/names.sock` });
    expect(await client.call('checkHost')).toEqual([]);
    await client.call('start');
    await put([]);
    for (const [index, name] of names.entries()) {
      const place = ['--network', 'web_default', '--ip', `10.91.1.1${index}`, '--dns', '10.91.1.1', '--dns-search', 'web'];
      host.docker(['create', '--name', name, '--hostname', name, ...place, 'replica:1']);
      host.docker(['network', 'connect', '--ip', `10.91.2.1${index}`, 'ingress', name]);
      host.docker(['start', name]);
      const attached = networks.map(({ network }) => ({ networkId: network.ID, address: '', macAddress: '' }));
      await client.call('attached', { taskId: name, pid: 1, networks: attached });
    }
  });
  afterAll(async () => {
    await client?.kill();
    await host?.stop();
  });

  const put = (services: readonly ServiceEndpoint[]) => client.publish({ services, networks });
  const portCounters = async () => (await client.call('counters')).ports;

  function curl(enter: readonly string[], url: string, limitSeconds = 3): { code: number; text: string; ms: number } {
    const start = performance.now();
    const [command, ...args] = ['env', ...enter, 'curl', '-s', '--noproxy', '*', '-m', String(limitSeconds), url];
    try {
      return { code: 0, text: execFileSync(command, args, { encoding: 'utf8' }).trim(), ms: performance.now() - start };
    } catch (error) {
      return { code: (error as { status: number }).status, text: '', ms: performance.now() - start };
    }
  }

  function inside(container: string): string[] {
    const pid = host.docker(['inspect', '-f', '{{.State.Pid}}', container]).trim();
    return ['nsenter', '-t', pid, '-n'];
  }

  /** What a program in the container gets from its resolver. */
  function resolve(container: string, name: string, type = 'A'): string {
    const script = `const r = new (require('dns').promises.Resolver)({ timeout: 3000, tries: 1 }); r.setServers(['127.0.0.11']);
      r.resolve(process.argv[1], process.argv[2]).then((a) => console.log(a.sort().join(' ')), (e) => console.log(e.code));`;
    const [command, ...args] = ['env', ...inside(container), process.execPath, '-e', script, name, type];
    return execFileSync(command, args, { encoding: 'utf8' }).trim();
  }

  const ways: readonly [string, () => readonly string[], () => string][] = [
    ['from outside', () => machine.enter, () => host.address],
    ['from the host', () => host.enter, () => host.address],
    ['by loopback', () => host.enter, () => '127.0.0.1'],
    ['by IPv6 loopback', () => host.enter, () => '[::1]'],
    ['from a replica, itself among the targets', () => inside('one'), () => host.address],
    ['from a replica by its gateway', () => inside('two'), () => '10.91.1.1'],
  ];

  test('connections, resets, refusals and look-ups are counted by service, whatever becomes of its tasks, and as long as it is there', async () => {
    const counts = () => client.call('serviceCounts');
    const deaf = { Protocol: 'tcp', TargetPort: 9, PublishedPort: 18009, PublishMode: 'ingress' } as const;
    const web = (ready: readonly string[]) => endpoint(ready, { Ports: [...endpoint([]).Ports, deaf] });
    // What is counted begins a moment after what is served; who asks for the counts has waited for it.
    const serve = (...services: ServiceEndpoint[]) => put(services).then(counts);
    await serve();
    await serve(web(names));
    for (let at = 0; at < 3; at++) curl([], `http://${host.address}:18080/`);
    resolve('one', 'api');
    await serve(web(['one']));
    for (const enter of [[], host.enter]) curl(enter, `http://${host.address}:18080/`);
    expect(curl([], `http://${host.address}:18009/`).code).toBe(7);
    expect(await counts()).toMatchObject({ web_api: { connections: 6, resets: 1 }, lookups: { web_api: 1 } });
    await serve(web([]));
    expect(curl([], `http://${host.address}:18080/`).code).toBe(7);
    await serve(web(names));
    curl([], `http://${host.address}:18080/`);
    expect((await counts())['web_api']).toEqual({ connections: 7, refusals: 1, resets: 1 });
    // Somebody takes the counters away: they begin anew, with the next change or the next look.
    const other = endpoint([], { ServiceID: 'service2', Name: 'web_other', Ports: [{ ...deaf, PublishedPort: 18010 }] });
    for (const looked of [() => serve(web(['two']), other), () => client.call('audit')]) {
      host.run(['nft', 'delete', 'table', 'ip', 'shoal_test_counts']);
      await looked();
      curl([], `http://${host.address}:18080/`);
      expect((await counts())['web_api']).toEqual({ connections: 1, resets: 0 });
    }
    await put([]);
    expect(await counts()).toEqual({ lookups: {} });
  });

  test.each(ways)('%s: few connections reach all ready tasks in equal parts', async (_name, enter, address) => {
    await put([endpoint(names)]);
    const seen = Array.from({ length: 9 }, () => curl(enter(), `http://${address()}:18080/`).text);
    expect(names.map((name) => seen.filter((text) => text === name).length)).toEqual([3, 3, 3]);
  });

  test('a connection that has ended is forgotten within two seconds, so that what an engine lists of a container that ends holds nobody else’s', async () => {
    await put([endpoint(names)]);
    const listed = () => host.run(['conntrack', '-L', '-p', 'tcp', '--orig-port-dst', '18080']);
    const ended = async (): Promise<void> => {
      curl([], `http://${host.address}:18080/`);
      await until(() => !/FIN_WAIT|LAST_ACK|CLOSE_WAIT|ESTABLISHED/.test(listed()), 5000, () => 'it does not end'); // prettier-ignore
      const kept = [...listed().matchAll(/^tcp +6 (\d+) (?:TIME_WAIT|CLOSE) /gm)].map(([, seconds]) => Number(seconds));
      expect(kept.filter((seconds) => seconds > 2)).toEqual([]);
    };
    await ended();
    host.run(['nft', 'delete', 'table', 'ip', 'shoal_test_ends']);
    host.run(['nft', 'flush', 'table', 'ip', 'shoal_test']);
    await until(async () => (await client.call('audit')).length > 0, 5000, () => 'nobody sees that it is gone'); // prettier-ignore
    await ended();
  });

  test('a task that is not ready gets no connections', async () => {
    await put([endpoint(['one', 'three'])]);
    const seen = Array.from({ length: 6 }, () => curl([], `http://${host.address}:18080/`).text);
    expect(seen.toSorted()).toEqual(['one', 'one', 'one', 'three', 'three', 'three']);
  });

  test.each(ways)('%s: refused at once while no task is ready', async (_name, enter, address) => {
    await put([endpoint([])]);
    const { code, ms } = curl(enter(), `http://${address()}:18080/`);
    expect(code).toBe(7);
    expect(ms).toBeLessThan(1500);
  });

  test('a removed service leaves the port to others', async () => {
    await put([endpoint(names)]);
    await put([]);
    expect(host.run(['ss', '-Hltn', 'sport = :18080'])).toBe('');
    expect(curl([], `http://${host.address}:18080/`).code).toBe(7);
  });

  test('a port of a host process is left to it, and it is named', async () => {
    await put([]);
    host.docker(['run', '-d', '--name', 'taker', '--network', 'host', 'replica:1', '/bin/httpd', '-f', '-p', '18080', '-h', '/www']);
    await until(
      () => host.run(['ss', '-Hltn', 'sport = :18080']) !== '',
      5000,
      () => 'not listening',
    );
    await put([endpoint(names)]);
    expect(await client.call('problems')).toEqual([expect.stringMatching(/port 18080\/tcp of service web_api: it is in use by httpd \(process \d+\)/)]);
    expect(curl([], `http://${host.address}:18080/`).text).toBe('hello');
    host.docker(['rm', '-f', 'taker']);
    expect(await client.call('audit')).toEqual([]);
    await until(
      () => names.includes(curl([], `http://${host.address}:18080/`).text),
      8000,
      () => 'not taken over',
    );
    expect(await client.call('problems')).toEqual([]);
  });

  test('UDP: answered over IPv4 and IPv6, and a client follows when his task leaves', async () => {
    const echo = `const s = require('dgram').createSocket('udp4'); s.on('message', (m, f) => s.send(process.argv[1], f.port, f.address)); s.bind(5353, () => console.log('ready'));`;
    const servers = await Promise.all(
      names.map(async (name) => {
        const [command, ...args] = ['env', ...inside(name), process.execPath, '-e', echo, name];
        const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
        await once(child.stdout, 'data');
        return child;
      }),
    );
    const ask = (family: 'udp4' | 'udp6', address: string): string => {
      const script = `const s = require('dgram').createSocket('${family}'); setTimeout(() => process.exit(1), 3000).unref();
        s.on('message', (m) => { console.log(String(m)); s.close(); }); s.send('?', 18053, '${address}');`;
      return host.run([process.execPath, '-e', script]).trim();
    };
    try {
      await put([endpoint(names)]);
      expect([0, 1, 2].map(() => ask('udp4', '127.0.0.1')).toSorted()).toEqual(names.toSorted());
      expect(names).toContain(ask('udp4', host.address));
      expect(names).toContain(ask('udp6', '::1'));
      await put([endpoint(['two'])]);
      expect([ask('udp4', '127.0.0.1'), ask('udp4', '127.0.0.1')]).toEqual(['two', 'two']);
    } finally {
      for (const server of servers) server.kill();
    }
  });

  test('a port of one IPv6 address leaves what a program of the host has at the same number of IPv4', async () => {
    const own = `require('http').createServer((_, r) => r.end('own')).listen(18083, '127.0.0.1', () => console.log('ready'))`;
    const [command, ...args] = ['env', ...host.enter, process.execPath, '-e', own];
    const program = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(program.stdout, 'data');
      const Ports = [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 18083, PublishMode: 'ingress', Shoal: { HostIP: '::1' } } as const];
      await put([endpoint(['one'], { Ports })]);
      const ways = ['127.0.0.1', '[::1]'].map((address) => curl(host.enter, `http://${address}:18083/`).text);
      expect(ways).toEqual(['own', 'one']);
    } finally {
      program.kill();
    }
  });

  test('what others do to tables of theirs makes nobody look at ours, and what they do to ours is told by the news of it', async () => {
    await put([endpoint(names)]);
    const read = async (): Promise<number> => (await portCounters())['rules_read'] ?? 0;
    // What was loaded before anybody watched is looked at once.
    let before = -1;
    await until(
      async () => {
        const last = before;
        before = await read();
        expect(await client.call('audit')).toEqual([]);
        return before === last && (await read()) === last;
      },
      30_000,
      () => 'the rules are read in each audit',
    );
    const seen = await client.call('disturbed');
    host.run(['nft', 'add', 'table', 'ip', 'another']);
    host.run(['nft', 'delete', 'table', 'ip', 'another']);
    await put([endpoint(['one', 'two'])]);
    // The revision stays: only who changed the table tells.
    host.run(['nft', 'insert', 'rule', 'ip', 'shoal_test', 'pre', 'accept']);
    await until(
      async () => (await client.call('disturbed')) > seen,
      30_000,
      () => 'a rule of somebody else in our table is not noticed',
    );
    expect(await client.call('audit')).toEqual([expect.stringContaining('shoal_test had been changed by someone else')]);
    expect(await read()).toBe(before);
    expect(host.run(['nft', 'list', 'chain', 'ip', 'shoal_test', 'pre'])).not.toContain('\taccept');
    // What was done while nobody watched is told by nothing: the table is written again.
    const here = '[ "$(readlink /proc/$p/ns/net)" = "$(readlink /proc/self/ns/net)" ]';
    host.run(['sh', '-c', `for p in $(pgrep -x nft); do ${here} && kill -9 $p; done; nft flush chain ip shoal_test pre`]);
    await until(
      async () => {
        await client.call('audit');
        return host.run(['nft', 'list', 'chain', 'ip', 'shoal_test', 'pre']).includes('@ports');
      },
      30_000,
      () => 'a chain that was flushed while nobody watched stays empty',
    );
  });

  test('what someone flushed comes back', async () => {
    await put([endpoint(names)]);
    const { repairs = 0 } = await portCounters();
    const damages = [
      ['nft', 'flush', 'table', 'ip', 'shoal_test'],
      ['nft', 'delete', 'table', 'ip', 'shoal_test'],
      ...['DOCKER-USER', 'INPUT'].map((chain) => ['iptables', '-F', chain]),
    ];
    for (const [index, damage] of damages.entries()) {
      const seen = await client.call('disturbed');
      host.run(damage);
      await until(
        async () => (await client.call('disturbed')) > seen,
        20_000,
        () => damage.join(' '),
      );
      expect(await client.call('audit')).toHaveLength(1);
      // Seen and mended: a connection may still get through before the damage is seen, and none does before it is mended.
      await until(
        async () => ((await portCounters())['repairs'] ?? 0) > repairs + index && names.includes(curl([], `http://${host.address}:18080/`, 1).text),
        20_000,
        () => damage.join(' '),
      );
    }
    expect((await portCounters())['repairs']).toBe(repairs + damages.length);
  });

  test('names: service, alias, tasks, stack, AAAA, reverse', async () => {
    await put([endpoint(['one', 'three'])]);
    const all = '10.91.1.10 10.91.1.12';
    for (const name of ['web_api', 'api', 'API', 'tasks.api', 'tasks.web_api', 'api.web', 'web_api.web']) {
      expect([name, resolve('two', name)]).toEqual([name, all]);
    }
    expect(resolve('two', 'web_api.1.one')).toBe('10.91.1.10');
    expect(resolve('two', 'api', 'AAAA')).toBe('ENODATA');
    await put([endpoint([])]);
    expect(resolve('two', 'api')).toBe('ENODATA');
  });

  test('a host whose firewall drops what it does not know answers its containers', async () => {
    await put([endpoint(names)]);
    host.run(['iptables', '-P', 'INPUT', 'DROP']);
    const found = resolve('one', 'api');
    host.run(['iptables', '-P', 'INPUT', 'ACCEPT']);
    expect(found).toBe('10.91.1.10 10.91.1.11 10.91.1.12');
  });

  test('a name server of the host on port 53 of all addresses disturbs nobody', async () => {
    await put([endpoint(names)]);
    const script = `const udp = require('dgram').createSocket('udp4'); udp.bind(53, () => require('net').createServer().listen(53, '0.0.0.0', () => console.log('ready')))`;
    const [command, ...args] = ['env', ...host.enter, process.execPath, '-e', script];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      expect(resolve('two', 'api')).toBe('10.91.1.10 10.91.1.11 10.91.1.12');
      // Even a resolver that starts while he is there serves our containers.
      await client.publish({ services: [endpoint(names)], networks: networks.slice(1) });
      await put([endpoint(names)]);
      expect(await client.call('problems')).toEqual([]);
      expect(resolve('two', 'api')).toBe('10.91.1.10 10.91.1.11 10.91.1.12');
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });

  test('names of networks that the asker is not on are unknown to him', async () => {
    const other: ServiceEndpoint = {
      ...endpoint([]),
      ServiceID: 'other',
      Name: 'other_db',
      Ports: [],
      Tasks: [{ TaskID: 'x', NodeID: 'node1', Slot: 1, Ready: true, Networks: [{ NetworkID: 'othernet', Address: '10.91.3.9', Aliases: ['db'] }] }],
    };
    await put([endpoint(names), other]);
    // The test host's resolver refuses all, so that unknown names fail rather than being denied.
    expect(resolve('two', 'db')).toMatch(/ESERVFAIL|ECONNREFUSED|ETIMEOUT|ENOTFOUND/);
  });

  test('a restarted daemon finds its rules in force and writes nothing', async () => {
    await put([endpoint(names)]);
    await client.kill();
    expect(names).toContain(curl([], `http://${host.address}:18080/`).text);
    client = startNetworkClient(host.enter, { instance: 'test', socket: `${host.folder}/names.sock` });
    await client.call('start');
    await put([endpoint(names)]);
    expect((await portCounters())['rules_loaded']).toBe(0);
    expect(names).toContain(resolve('two', 'api') === '' ? '' : curl([], `http://${host.address}:18080/`).text);
  });

  test('without the rights: a sentence that says so, and no start', async () => {
    const powerless = startNetworkClient([...host.enter, 'setpriv', '--reuid=65534', '--clear-groups', '--bounding-set=-all'], {
      instance: 'powerless',
      socket: `${host.folder}/powerless.sock`,
    });
    try {
      expect(await powerless.call('checkHost')).toEqual([expect.stringContaining('run the daemon as root')]);
      await expect(powerless.call('start')).rejects.toThrow('you must be root');
    } finally {
      await powerless.kill();
    }
  });

  test('another daemon on the same host keeps its ports when one leaves', async () => {
    const other = startNetworkClient(host.enter, { instance: 'other', socket: `${host.folder}/other.sock` });
    try {
      await put([endpoint(names)]);
      await other.call('start');
      await other.publish({ services: [], networks: [] });
      await other.call('tearDown');
      expect(host.run(['nft', 'list', 'tables'])).not.toContain('shoal_other');
      expect(names).toContain(curl([], `http://${host.address}:18080/`).text);
    } finally {
      await other.kill();
    }
  });

  test('a running download outlives changes of the rules', async () => {
    await put([endpoint(['one'])]);
    const script = `const s = require('net').connect(18080, '127.0.0.1', () => console.log('open')); s.on('error', (e) => { console.log(e.code); process.exit(1); });
      process.stdin.once('data', () => s.write('GET / HTTP/1.0\\r\\n\\r\\n')); let all = ''; s.on('data', (d) => (all += d)); s.on('end', () => { console.log(all); process.exit(0); });`;
    const [command, ...args] = ['env', ...host.enter, process.execPath, '-e', script];
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    await until(
      () => output.includes('open'),
      5000,
      () => output,
    );
    await put([endpoint(['two', 'three'])]);
    child.stdin.write('go');
    await once(child, 'exit');
    expect(output.trim()).toMatch(/one$/);
  });

  test('leaving removes the tables and the accept rule', async () => {
    await put([endpoint(names)]);
    await client.call('tearDown');
    expect(host.run(['nft', 'list', 'tables'])).not.toContain('shoal_test');
    expect(host.run(['iptables', '-S'])).not.toMatch(/0x5000|0x5053/);
    await client.call('start');
  });
});
