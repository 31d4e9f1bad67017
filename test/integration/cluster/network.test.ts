/** One network over two hosts: containers reach one another by address and by name, every host answers published ports, and what is damaged is mended. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Diagnosis } from '#model/doctor/examination';
import { HostDaemon } from '#test/support/daemon';
import { fetchFrom as fetch, replicasOn, resolveIn as resolve, type Replica } from '#test/support/replicas';
import { askByTcp, askByUdp, hex, vxlanPacket } from '#test/support/packets';
import { encryptedStep } from './encrypted-step.ts';
import { guestsStep, parkedStep } from './guests-step.ts';
import { ingressStep } from './ingress-step.ts';
import { namesStep } from './names-step.ts';

import { startHosts } from '../../support/hosts.mjs';
import { loadImage, until, whyNoEncryption, whyNoHost, type Host } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-overlay:1';
const limitMs = 60_000;
/** Another than the usual one. */
const dataPort = '4790';
/** What containers send to one another goes by addresses of its own. */
const dataPathOf = ({ address }: Host): string => address.replace(/\d+$/, (last) => String(100 + Number(last)));
/** Answers with its own name. */
const command = ['/bin/sh', '-c', 'hostname > /www/index.html; exec httpd -f -p 80 -h /www'];
/** Its program does not listen to signals. */
const atOnce = ['--stop-grace-period', '100ms'];
/** Answers with the address that called. */
const files = { 'www/cgi-bin/who': '#!/bin/sh\necho; echo $REMOTE_ADDR\n' };

/** In a task's network: answers a datagram with the address that sent it, and by TCP the first bytes it got, in hex digits. Its UDP socket is bound to no address, as most are. */
const echo = `const u = require('dgram').createSocket('udp4'); u.on('message', (m, from) => u.send(from.address + ' ' + process.argv[1], from.port, from.address)); u.bind(53);
  require('net').createServer((s) => { s.on('error', () => {}); s.once('data', (d) => s.end(d.toString('hex'))); }).listen(80, () => console.log('ready'));`;

describe.skipIf(reason !== undefined)(reason ? `network over hosts (skipped: ${reason})` : 'network over hosts', { timeout: 240_000 }, () => {
  let machines: Awaited<ReturnType<typeof startHosts>>;
  let manager: HostDaemon;
  let worker: HostDaemon;
  let before: readonly Replica[];
  const servers: ChildProcess[] = [];

  beforeAll(async () => {
    machines = await startHosts(2);
    const [one, two] = machines.hosts as [Host, Host];
    for (const host of machines.hosts) {
      // A host whose firewall forwards nothing that is not let through by name.
      host.run(['iptables', '-P', 'FORWARD', 'DROP']);
      loadImage(host.socket, image, { command, files });
    }
    manager = new HostDaemon(one, 'm');
    worker = new HostDaemon(two, 'w');
    await Promise.all([manager.start(), worker.start()]);
    for (const { host } of [manager, worker]) host.run(['ip', 'addr', 'add', `${dataPathOf(host)}/24`, 'dev', 'cluster0']);
    const dataPath = ['--data-path-addr', dataPathOf(one), '--data-path-port', dataPort];
    await manager.ask('swarm', 'init', '--advertise-addr', one.address, '--dispatcher-heartbeat', '8s', ...dataPath);
  }, 120_000);

  afterAll(async () => {
    for (const server of servers) server.kill();
    await worker?.remove();
    await manager?.remove();
    await machines?.stop();
  });

  const explain = () => `${manager.lastLog()}\n--- worker\n${worker.lastLog()}`;
  const soon = (condition: () => boolean | Promise<boolean>) => until(condition, limitMs, explain);

  const replicas = (service: string, network: string): Replica[] => replicasOn(machines.hosts, service, network);

  /** Runs a Node program in a container's network until the end; resolves when it says something. */
  async function serve([program = '', ...enter]: readonly string[], script: string, ...args: readonly string[]): Promise<ChildProcess & { said: string }> {
    const server = Object.assign(spawn(program, [...enter, process.execPath, '-e', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] }), { said: '' });
    servers.push(server);
    server.stdout?.on('data', (text: Buffer) => (server.said += text.toString()));
    await soon(() => server.said !== '');
    return server;
  }

  const allReach = (all: readonly Replica[]) => all.every((from) => all.every((to) => fetch(from.enter, to.address) === to.name));
  const names = (all: readonly Replica[]) => all.map(({ name }) => name).sort();

  test('a node that is alone has no tunnel', async () => {
    await manager.askDocker('network', 'create', '-d', 'overlay', 'front');
    await manager.askDocker('service', 'create', '-d', '--name', 'app', '--replicas', '2', '--network', 'front', '-p', '8080:80', ...atOnce, image);
    await soon(() => replicas('app', 'front').length === 2);
    expect(await manager.askDocker('network', 'inspect', 'front', '--format', '{{(index .IPAM.Config 0).Subnet}}')).toMatch(/\/20$/);
    before = replicas('app', 'front');
    expect(manager.host.run(['ip', '-o', 'link', 'show', 'type', 'vxlan'])).toBe('');
    await soon(() => allReach(before));
  });

  test('a second node joins: containers go on, and all reach all by address and by name', async () => {
    const token = await manager.askDocker('swarm', 'join-token', '-q', 'worker');
    await worker.ask('swarm', 'join', '--token', token, '--data-path-addr', dataPathOf(worker.host), `${manager.host.address}:2377`);
    await manager.askDocker('service', 'scale', '-d', 'app=4');
    await soon(() => replicas('app', 'front').length === 4);
    const all = replicas('app', 'front');
    expect(all.filter(({ host }) => host === worker.host)).toHaveLength(2);
    // Nothing was started again, and no network was made anew.
    expect(
      all
        .filter(({ host }) => host === manager.host)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(before.map(({ id }) => id).sort());
    await soon(() => allReach(all));
    for (const [host, other] of [machines.hosts, machines.hosts.toReversed()] as [Host, Host][]) {
      expect(host.run(['ip', '-d', 'link', 'show', 'type', 'vxlan'])).toMatch(new RegExp(`local ${dataPathOf(host)} .*dstport ${dataPort} `));
      expect(host.run(['bridge', 'fdb', 'show'])).toContain(`dst ${dataPathOf(other)} `);
      expect(host.run(['bridge', 'fdb', 'show'])).not.toContain(`dst ${other.address} `);
    }
    const addresses = all.map(({ address }) => address).sort();
    for (const from of all) await soon(() => resolve(from, 'tasks.app').join() === addresses.join());
  });

  test('a service has one address, by which all its tasks on all hosts are reached and see who called', async () => {
    const all = replicas('app', 'front');
    const shown = await manager.askDocker('service', 'inspect', 'app', '--format', '{{range .Endpoint.VirtualIPs}}{{.Addr}} {{end}}');
    const [vip = ''] = shown.split('/');
    for (const from of all) {
      expect(resolve(from, 'app')).toEqual([vip]);
      const seen = new Set<string>();
      await soon(() => {
        seen.add(fetch(from.enter, vip) ?? '');
        return names(all).every((name) => seen.has(name));
      });
      await soon(() => all.every(() => fetch(from.enter, `${vip}/cgi-bin/who`)?.endsWith(`:${from.address}]`)));
    }
    expect(names(all)).toContain(fetch(manager.host.enter, vip));
  });

  test('a service without a ready task refuses at once, on every host', async () => {
    await manager.askDocker('service', 'create', '-d', '--name', 'idle', '--replicas', '0', '--network', 'front', image);
    const vip = (await manager.askDocker('service', 'inspect', 'idle', '--format', '{{(index .Endpoint.VirtualIPs 0).Addr}}')).split('/')[0] ?? '';
    for (const from of replicas('app', 'front')) {
      await soon(() => resolve(from, 'idle').join() === vip);
      // 7: refused; 28 would be silence.
      await soon(() => spawnSync(from.enter[0] ?? '', [...from.enter.slice(1), 'curl', '-s', '-m', '20', `http://${vip}`]).status === 7);
    }
  });

  test('every host answers a published port with the tasks of all, one without a task too', async () => {
    const all = replicas('app', 'front');
    for (const { address } of machines.hosts) {
      const seen = new Set<string>();
      await soon(() => {
        seen.add(fetch(manager.host.enter, `${address}:8080`) ?? '');
        return names(all).every((name) => seen.has(name));
      });
    }
    await manager.askDocker('service', 'create', '-d', '--name', 'far', '--constraint', 'node.role==worker', '-p', '8081:80', ...atOnce, image);
    await soon(() => replicas('far', 'ingress').length === 1);
    const [far] = replicas('far', 'ingress');
    await soon(() => fetch(manager.host.enter, `${manager.host.address}:8081`) === far?.name);
    await soon(() => fetch(worker.host.enter, `${manager.host.address}:8081`) === far?.name);
  });

  test('a task sees the client’s own address, whichever host he came to, from its first connection on', async () => {
    const client = machines.hosts[0]?.address.replace(/\.\d+$/, '.254') ?? '';
    const seen = (enter: readonly string[], url: string) => /(\d+\.\d+\.\d+\.\d+)\]?$/.exec(fetch(enter, `${url}/cgi-bin/who`) ?? '')?.[1];
    const targets = replicas('app', 'ingress').length;
    for (const { address } of machines.hosts) {
      for (let turn = 0; turn < targets; turn++) expect(seen([], `${address}:8080`)).toBe(client);
      // The only task is on the other host.
      expect(seen([], `${address}:8081`)).toBe(client);
    }
    // A host that asks itself or another one is the client; by loopback one of its addresses is.
    expect(seen(manager.host.enter, `${manager.host.address}:8081`)).toBe(manager.host.address);
    expect(seen(manager.host.enter, `${worker.host.address}:8081`)).toBe(manager.host.address);
    expect(seen(manager.host.enter, '127.0.0.1:8081')).toBeDefined();
    // A task that asks its own published port by its own host reaches all, itself too.
    const [own] = replicas('app', 'front').filter(({ host }) => host === manager.host);
    const answered = new Set(Array.from({ length: 2 * targets }, () => fetch(own?.enter ?? [], `${manager.host.address}:8080`)));
    expect(answered).toEqual(new Set(names(replicas('app', 'front'))));
  });

  test('datagrams too, though the task answers by a socket that is bound to no address; who loses his task meets another', async () => {
    const client = machines.hosts[0]?.address.replace(/\.\d+$/, '.254') ?? '';
    const published = ['--network', 'front', '--replicas', '2', '--restart-condition', 'none', '-p', '8082:80', '-p', '5353:53/udp'];
    await manager.askDocker('service', 'create', '-d', '--name', 'told', ...published, image, '/bin/sleep', '1000');
    await soon(() => replicas('told', 'ingress').length === 2);
    for (const { enter, name } of replicas('told', 'ingress')) await serve(enter, echo, name);
    for (const { address } of machines.hosts) await soon(async () => (await askByUdp(address, 5353))[0] === client);
    const socket = createSocket('udp4');
    try {
      let answering = '';
      await soon(async () => (answering = (await askByUdp(manager.host.address, 5353, socket))[1]) !== '');
      const [gone] = replicas('told', 'ingress').filter(({ name }) => name === answering);
      gone?.host.docker(['kill', gone.id]);
      // The very same flow: nobody but the other one is left for it.
      const [other] = replicas('told', 'ingress').filter(({ name }) => name !== answering);
      await soon(async () => (await askByUdp(manager.host.address, 5353, socket))[1] === other?.name);
    } finally {
      socket.close();
    }
  });

  test('labels say how a port’s tasks get to know who calls', async () => {
    const client = machines.hosts[0]?.address.replace(/\.\d+$/, '.254') ?? '';
    await manager.askDocker('service', 'update', '-d', '--label-add', 'shoal.source=local', 'far');
    await soon(() => fetch([], `${manager.host.address}:8081`) === undefined);
    expect(fetch([], `${worker.host.address}:8081/cgi-bin/who`)).toContain(client);
    await manager.askDocker('service', 'update', '-d', '--label-add', 'shoal.source=masquerade', 'far');
    await soon(() => fetch([], `${manager.host.address}:8081`) !== undefined && !fetch([], `${manager.host.address}:8081/cgi-bin/who`)?.includes(client));
    await expect(manager.askDocker('service', 'update', '-d', '--label-add', 'shoal.source=proxy', 'told')).rejects.toThrow(
      /5353\/udp: a PROXY header is sent by TCP only/,
    );
    await manager.askDocker('service', 'update', '-d', '--label-add', 'shoal.source.8082-tcp=proxy', 'told');
    const got = async () => askByTcp(manager.host.address, 8082, 'hello');
    await soon(async () => (await got()).startsWith('0d0a0d0a000d0a515549540a2111000c'));
    expect((await got()).slice(32, 48)).toBe(hex(client) + hex(manager.host.address));
    await manager.askDocker('service', 'rm', 'told');
    // Whichever host he asks, one client meets one task; without the label all of them.
    const met = () => new Set(Array.from({ length: 8 }, (_, turn) => fetch([], `${machines.hosts[turn % 2]?.address}:8080`)));
    await manager.askDocker('service', 'update', '-d', '--label-add', 'shoal.sticky=true', 'app');
    await soon(() => met().size === 1);
    expect(names(replicas('app', 'front'))).toContain([...met()][0]);
    await manager.askDocker('service', 'update', '-d', '--label-rm', 'shoal.sticky', 'app');
    await soon(() => met().size === 4);
  });

  test('the doctor finds nothing where nothing is wrong, and each thing that is broken, with what to do', async () => {
    let told: { code: number | null; stdout: string } = { code: 1, stdout: '' };
    const examine = async (...args: string[]) => (told = await manager.run(['network', 'doctor', ...args]));
    const well = () =>
      until(
        async () => (await examine()).code === 0,
        limitMs,
        () => `${told.stdout}\n${explain()}`,
      );
    await well();
    expect(told.stdout).toMatch(/\(198\.19\.\d+\.\d+, MTU 1500\): well\n.*: well\n2 nodes, 2 ways between them: nothing is wrong\n$/);
    const [first] = replicas('app', 'front').filter(({ host }) => host === worker.host) as [Replica];
    const rule = ['INPUT', '-p', 'udp', '--dport', dataPort, '-j', 'DROP'];
    manager.host.run(['iptables', '-I', ...rule]);
    worker.host.run(['ip', 'link', 'set', 'cluster0', 'mtu', '1400']);
    worker.host.run(['nft', 'add table inet fw; add chain inet fw pass { type filter hook forward priority 5; policy drop; }']);
    worker.host.run([...first.enter, 'nft', 'delete', 'table', 'ip', 'shoal_vip']);
    try {
      await examine('--json');
      const { nodes } = JSON.parse(told.stdout) as Diagnosis;
      const found = nodes.flatMap(({ name, findings }) => findings.map(({ check, text, advice }) => `${name}: ${check}: ${text}; ${advice}`)).join('\n');
      const [here, there] = [manager.host.name, worker.host.name];
      for (const text of [
        `${here}: firewall: UDP port ${dataPort} from ${there}`,
        `${here}: firewall: a rule that is none of ours drops packets: -A INPUT -p udp -m udp --dport ${dataPort} -j DROP`,
        `${there}: mtu: of packets from ${here}`,
        `${there}: firewall: a rule that is none of ours drops packets: nft chain inet fw pass (hook forward, policy drop)`,
        'let "ct mark 0x5000 accept" and what comes by sh-* through',
        `${there}: kernel: containers of 1 tasks had lost their rules`,
        `${there}: services: from a container of network front nobody answers at`,
      ])
        expect(found).toContain(text);
      expect(told.code).toBe(1);
    } finally {
      manager.host.run(['iptables', '-D', ...rule]);
      worker.host.run(['nft', 'delete', 'table', 'inet', 'fw']);
      worker.host.run(['ip', 'link', 'set', 'cluster0', 'mtu', '1500']);
    }
    await well();
    expect((await manager.run(['network', 'doctor', 'nobody'])).stderr).toContain('node nobody not found');
  });

  test.each<[string, (host: Host) => void]>([
    ['a device between hosts', (host) => host.run(['sh', '-c', 'for d in $(ip -o link show type vxlan | cut -d: -f2); do ip link del $d; done'])],
    ['a bridge under its containers', (host) => host.run(['sh', '-c', 'ip link del $(ip -o link show type bridge | grep -o "sh-[^:]*" | tail -1)'])],
    ['the neighbours', (host) => host.run(['sh', '-c', 'ip neigh flush nud permanent'])],
    [
      'all nft and iptables rules',
      (host) => host.run(['sh', '-c', 'nft list tables | grep shoal | while read -r t; do nft delete $t; done; iptables -F DOCKER-USER']),
    ],
  ])('%s: gone, and mended', async (_what, damage) => {
    const all = replicas('app', 'front');
    damage(worker.host);
    await soon(() => allReach(all) && fetch(manager.host.enter, `${worker.host.address}:8080`) !== undefined);
    await soon(() => worker.host.run(['nft', 'list', 'tables']).includes('_overlay'));
  });

  test('a container of another network neither finds nor reaches this one’s, here or there', async () => {
    await manager.askDocker('network', 'create', '-d', 'overlay', 'back');
    await manager.askDocker('service', 'create', '-d', '--name', 'lone', '--network', 'back', ...atOnce, image);
    await soon(() => replicas('lone', 'back').length === 1);
    const [lone] = replicas('lone', 'back') as [Replica];
    await soon(() => resolve(lone, 'tasks.lone').join() === lone.address);
    // The host's own name servers are asked, which know none, or are not there.
    for (const name of ['app', 'tasks.app']) expect(resolve(lone, name).join()).toMatch(/^E(SERVFAIL|NOTFOUND|REFUSED)$/);
    const vip = (await manager.askDocker('service', 'inspect', 'app', '--format', '{{range .Endpoint.VirtualIPs}}{{.Addr}} {{end}}')).split('/')[0] ?? '';
    const all = replicas('app', 'front');
    const [here] = all.filter(({ host }) => host === lone.host);
    const [there] = all.filter(({ host }) => host !== lone.host);
    // All at once: each is waited for in vain.
    const script = 'for a in "$@"; do curl -s --noproxy "*" -m 3 "http://$a" & done; wait';
    expect(lone.host.run([...lone.enter, 'sh', '-c', script, 'sh', vip, here?.address ?? '', there?.address ?? ''])).toBe('');
    await manager.askDocker('service', 'rm', 'lone');
  });

  test('packets of one who is no member reach nobody', async () => {
    const [target] = replicas('app', 'front').filter(({ host }) => host === worker.host) as [Replica];
    const script = `const u = require('dgram').createSocket('udp4'); u.on('message', (m) => console.log(String(m))); u.bind(7171, () => console.log('ready'));`;
    const heard = await serve(target.enter, script);
    const id = await manager.askDocker('network', 'inspect', 'front', '--format', '{{.Id}}');
    const [, number = ''] = /vxlan id (\d+) /.exec(worker.host.run(['ip', '-d', '-o', 'link', 'show', `vx-${id.slice(0, 11)}`])) ?? [];
    const socket = createSocket('udp4');
    const send = (text: string) =>
      new Promise((resolve) => socket.send(vxlanPacket(Number(number), target.address, 7171, text), Number(dataPort), worker.host.address, resolve));
    try {
      for (let at = 0; at < 20; at++) await send('foreign');
      // The same packets arrive once their sender is let in: what came before was dropped.
      const [table = ''] = /shoal\w*_overlay/.exec(worker.host.run(['nft', 'list', 'tables'])) ?? [];
      await soon(async () => {
        worker.host.run(['nft', 'add', 'element', 'ip', table, 'members', `{ ${manager.host.address.replace(/\d+$/, '254')} }`]);
        await send('let-in');
        return heard.said.includes('let-in');
      });
      expect(heard.said).not.toContain('foreign');
    } finally {
      socket.close();
    }
  });

  test('daemons that are killed leave the way open, and go on with it', async () => {
    const all = replicas('app', 'front');
    await worker.kill();
    expect(allReach(all)).toBe(true);
    await worker.start();
    await manager.askDocker('service', 'scale', '-d', 'app=5');
    await soon(() => replicas('app', 'front').length === 5);
    const more = replicas('app', 'front');
    expect(all.every(({ id }) => more.some((each) => each.id === id))).toBe(true);
    await soon(() => allReach(more));
  });

  test('where a host’s name server is dead and stays so, its containers ask another host’s', () => namesStep({ worker, all: replicas('app', 'front'), soon }));

  test('an engine that is killed comes back with its tasks, and all reach all again', async () => {
    await worker.host.crashEngine();
    const isWell = () => replicas('app', 'front').length === 5 && replicas('app', 'front').some(({ host }) => host === worker.host);
    await soon(isWell);
    await soon(() => isWell() && allReach(replicas('app', 'front')));
    for (const { address } of machines.hosts) await soon(() => names(replicas('app', 'front')).includes(fetch(manager.host.enter, `${address}:8080`) ?? ''));
  });

  test.skipIf(whyNoEncryption() !== undefined)('an encrypted network: nothing of it is seen between hosts, and connections go on when the keys change', () =>
    encryptedStep({ machines, manager, worker, image, replicas, fetch, serve, soon, servers }),
  );

  test('a container that somebody makes has an address, a name and the services on an attachable network, on any host', () =>
    guestsStep({ manager, worker, image, atOnce, replicas, soon }));

  test('containers that ended give their addresses to others, and start with new ones', () => parkedStep({ manager, worker, image, soon }));

  test('the ingress network is removed, made as somebody wants it, and serves', () =>
    ingressStep({ machines, manager, create: ['--network', 'front', ...atOnce, image], replicas, fetch, soon }));

  test('the last node that leaves takes the tunnels along, and what stays is served', async () => {
    await worker.askDocker('swarm', 'leave');
    await manager.askDocker('node', 'rm', '--force', worker.host.name);
    await soon(() => replicas('app', 'front').filter(({ host }) => host === manager.host).length === 5);
    expect(worker.host.run(['ip', '-o', 'link', 'show', 'type', 'vxlan'])).toBe('');
    await soon(() => manager.host.run(['ip', '-o', 'link', 'show', 'type', 'vxlan']) === '');
    await soon(() => allReach(replicas('app', 'front')));
    // Containers that are nobody's task run on without the cluster's networks, and hold none of them.
    expect(worker.host.docker(['inspect', '-f', '{{.State.Running}} {{len .NetworkSettings.Networks}}', 'there']).trim()).toBe('true 0');
    await manager.askDocker('rm', '-f', 'here');
    await soon(async () => (await manager.docker(['network', 'rm', 'open'])).code === 0);
  });
});
