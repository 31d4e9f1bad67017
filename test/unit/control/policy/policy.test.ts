import { expect, test } from 'vitest';
import { createNetwork } from '#control/networks';
import { createRepository, updateRepository } from '#control/repository/repositories';
import { createSecret } from '#control/secrets';
import { createService } from '#control/service/services';
import { deployStack } from '#control/stack/stacks';
import { allowances, readAllowance } from '#model/allowance';
import type { ContainerSpec, Mount, ServiceSpec } from '#model/object/service-spec';
import type { StackSource, StackSpec } from '#model/object/stack';
import { update } from '#store/action';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { base64, serviceSpec, stackSpec } from '../specs.ts';

const repository = { Name: 'main', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30e9 };
const source: StackSource = { Kind: 'repository', Repository: 'main', Path: 'stacks/shop', Commit: 'c1' };

function followed(...Allow: string[]): MemoryCluster {
  const cluster = initialisedCluster();
  cluster.run(createRepository({ ...repository, Allow }));
  return cluster;
}

/** The words that are missing; none when it is deployed. */
function missing(spec: StackSpec, cluster = followed()): string[] {
  try {
    cluster.run(deployStack(spec, { source, prune: true }));
    return [];
  } catch (error) {
    const { facts } = error as { facts?: { needs?: string[] } };
    if (!facts?.needs) throw error;
    return facts.needs;
  }
}

function service(change: Partial<ServiceSpec>): StackSpec {
  return stackSpec({ Services: [serviceSpec('shop_web', change)] });
}

function container(spec: ContainerSpec): StackSpec {
  return service({ TaskTemplate: { ContainerSpec: { Image: 'app:1', ...spec } } });
}

function mount(spec: Mount): StackSpec {
  return container({ Mounts: [{ Target: '/x', ...spec }] });
}

function volume(Options: Record<string, string>, Name = 'local'): StackSpec {
  return mount({ Type: 'volume', Source: 'shop_data', VolumeOptions: { DriverConfig: { Name, Options } } });
}

test.each<[string, StackSpec, string[]]>([
  ['a bind mount', mount({ Type: 'bind', Source: '/etc' }), ['mounts=/etc']],
  ['the engine’s socket', mount({ Type: 'bind', Source: '/var/run/docker.sock' }), ['mounts=/var/run/docker.sock']],
  ['our own socket', mount({ Type: 'bind', Source: '/run/shoal/shoal.sock' }), ['mounts=/run/shoal/shoal.sock']],
  ['a mount with dots', mount({ Type: 'bind', Source: '/srv/data/../../etc/' }), ['mounts=/etc']],
  ['a mount that is made up on the node', mount({ Type: 'bind', Source: '/srv/{{"../etc"}}' }), ['mounts=/']],
  ['a mount without a type', mount({ Source: '/etc' }), ['mounts=/etc']],
  ['a volume that is a bind', volume({ type: 'none', o: 'bind', device: '/etc' }), ['mounts=/etc']],
  ['a volume that is a recursive bind', volume({ o: 'ro,rbind', device: '/root/.ssh' }), ['mounts=/root/.ssh']],
  ['a volume in capitals', volume({ O: 'bind', Device: '/etc' }), ['mounts=/etc']],
  ['a volume of a device', volume({ type: 'ext4', device: '/dev/sda1' }), ['volumes=ext4']],
  [
    'a volume that lays folders over each other',
    volume({ type: 'overlay', o: 'lowerdir=/etc,upperdir=/a,workdir=/b', device: 'overlay' }),
    ['volumes=overlay'],
  ],
  ['a volume from elsewhere', volume({ type: 'nfs', o: 'addr=10.0.0.1', device: ':/x' }), ['volumes=nfs']],
  ['a volume in memory', volume({ type: 'tmpfs', o: 'size=1m,uid=0', device: 'tmpfs' }), []],
  ['a volume in memory whose option holds another', volume({ type: 'tmpfs', o: 'size=1m;bind', device: '/' }), ['volumes=tmpfs']],
  ['a volume in memory of a device', volume({ type: 'tmpfs', o: 'size=1m', device: '/' }), ['volumes=tmpfs']],
  ['a volume whose options the node fills in', volume({ type: 'tmpfs', device: 'tmpfs', o: 'size={{index .Service.Labels "x"}}' }), ['mounts=/']],
  ['a volume whose name the node fills in', mount({ Type: 'volume', Source: 'shop_{{print "db_data"}}' }), ['external=*']],
  ['a volume of a plugin', volume({ mountpoint: '/etc' }, 'local-persist'), ['volumes=local-persist']],
  ['a volume of its own', mount({ Type: 'volume', Source: 'shop_data' }), []],
  ['a volume without a name', mount({ Type: 'volume' }), []],
  ['a volume of another', mount({ Type: 'volume', Source: 'bank_data' }), ['external=bank_data']],
  ['memory', mount({ Type: 'tmpfs' }), []],
  ['privileged', container({ Shoal: { Privileged: true } }), ['privileged']],
  ['a device', container({ Shoal: { Devices: [{ PathOnHost: '/dev/mem', PathInContainer: '/dev/mem', CgroupPermissions: 'rwm' }] } }), ['devices=/dev/mem']],
  [
    'a device with dots',
    container({ Shoal: { Devices: [{ PathOnHost: '/dev/dri/../sda', PathInContainer: '/dev/sda', CgroupPermissions: 'rwm' }] } }),
    ['devices=/dev/sda'],
  ],
  [
    'devices of any driver',
    service({
      TaskTemplate: { ContainerSpec: { Image: 'a' }, Resources: { Reservations: { Shoal: { DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['x/y=all'] }] } } } },
    }),
    ['devices=*'],
  ],
  ['a device rule', container({ Shoal: { DeviceCgroupRules: ['b *:* rwm'] } }), ['devices=*']],
  ['a security option', container({ Shoal: { SecurityOpt: ['seccomp=unconfined'] } }), ['unconfined']],
  ['a security option that only takes away', container({ Shoal: { SecurityOpt: ['no-new-privileges:true'] } }), []],
  ['the host’s processes', container({ Shoal: { PidMode: 'host' } }), ['host=pid']],
  ['another container’s memory', container({ Shoal: { IpcMode: 'container:other' } }), ['host=ipc']],
  ['memory of its own', container({ Shoal: { IpcMode: 'private', ShmSize: 1 } }), []],
  ['the host’s names', container({ Shoal: { UTSMode: 'host', UsernsMode: 'host', CgroupnsMode: 'host' } }), ['host=uts', 'host=userns', 'host=cgroup']],
  ['a cgroup of the host', container({ Shoal: { CgroupParent: '/' } }), ['runtime=cgroup-parent']],
  ['a runtime', container({ Shoal: { Runtime: 'kata' } }), ['runtime=kata']],
  ['annotations', container({ Shoal: { Annotations: { 'org.systemd.property.X': '1' } } }), ['runtime=annotations']],
  ['what the kernel may not kill', container({ Shoal: { OomKillDisable: true }, OomScoreAdj: -500 }), ['limits=oom']],
  [
    'capabilities',
    container({ CapabilityAdd: ['CAP_SYS_ADMIN', 'net_admin', 'CHOWN', 'ALL'] }),
    ['capabilities=SYS_ADMIN', 'capabilities=NET_ADMIN', 'capabilities=ALL'],
  ],
  ['a setting of the whole kernel', container({ Sysctls: { 'kernel.core_pattern': '|/x', 'net.core.somaxconn': '1' } }), ['sysctls=kernel.core_pattern']],
  [
    'real-time limits',
    container({
      Ulimits: [
        { Name: 'rtprio', Soft: 1, Hard: 1 },
        { Name: 'nofile', Soft: 1, Hard: 1 },
      ],
    }),
    ['limits=rtprio'],
  ],
  ['no seccomp', container({ Privileges: { Seccomp: { Mode: 'unconfined' }, AppArmor: { Mode: 'disabled' } } }), ['unconfined']],
  ['no SELinux', container({ Privileges: { SELinuxContext: { Disable: true } } }), ['unconfined']],
  ['the usual confinement', container({ Privileges: { Seccomp: { Mode: 'default' }, NoNewPrivileges: true, SELinuxContext: null, CredentialSpec: null } }), []],
  ['the host’s network', service({ TaskTemplate: { ContainerSpec: { Image: 'a' }, Networks: [{ Target: 'host' }] } }), ['host=network']],
  ['no network', service({ TaskTemplate: { ContainerSpec: { Image: 'a' }, Networks: [{ Target: 'none' }] } }), []],
  [
    'graphics cards',
    service({ TaskTemplate: { ContainerSpec: { Image: 'a' }, Resources: { Reservations: { Shoal: { DeviceRequests: [{ Count: 1 }] } } } } }),
    ['devices=gpus'],
  ],
  [
    'a log driver with a path',
    service({ TaskTemplate: { ContainerSpec: { Image: 'a' }, LogDriver: { Name: 'syslog', Options: { 'syslog-address': 'unix:///run/docker.sock' } } } }),
    ['logging=syslog'],
  ],
  [
    'a log driver with a datagram socket',
    service({
      TaskTemplate: { ContainerSpec: { Image: 'a' }, LogDriver: { Name: 'syslog', Options: { 'syslog-address': 'unixgram:///run/systemd/notify' } } },
    }),
    ['logging=syslog'],
  ],
  [
    'a log driver with a socket in capitals',
    service({ TaskTemplate: { ContainerSpec: { Image: 'a' }, LogDriver: { Name: 'fluentd', Options: { 'fluentd-address': 'UNIX:///run/x.sock' } } } }),
    ['logging=fluentd'],
  ],
  [
    'a log driver with a relative file of the host',
    service({ TaskTemplate: { ContainerSpec: { Image: 'a' }, LogDriver: { Name: 'syslog', Options: { 'syslog-tls-key': 'etc/ssl/key.pem' } } } }),
    ['logging=syslog'],
  ],
  [
    'a log driver with a scheme that nobody knows',
    service({ TaskTemplate: { ContainerSpec: { Image: 'a' }, LogDriver: { Name: 'gelf', Options: { 'gelf-address': 'quic://host:1' } } } }),
    ['logging=gelf'],
  ],
  [
    'a log driver with a host',
    service({
      TaskTemplate: { ContainerSpec: { Image: 'a' }, LogDriver: { Name: 'syslog', Options: { 'syslog-address': 'tcp+tls://logs.example.org:6514' } } },
    }),
    [],
  ],
  [
    'a log driver with a template',
    service({
      TaskTemplate: { ContainerSpec: { Image: 'a' }, LogDriver: { Name: 'gelf', Options: { 'gelf-address': 'udp://logs:12201', tag: '/{{.Name}}/{{.ID}}' } } },
    }),
    [],
  ],
  ['a usual log driver', service({ TaskTemplate: { ContainerSpec: { Image: 'a' }, LogDriver: { Name: 'json-file', Options: { 'max-size': '1m' } } } }), []],
  [
    'a network of the host',
    stackSpec({ Networks: [{ Name: 'shop_lan', Driver: 'macvlan', Options: { parent: 'eth0' } }] }),
    ['networks=macvlan', 'networks=options'],
  ],
  ['addresses of its own', stackSpec({ Networks: [{ Name: 'shop_lan', IPAM: { Config: [{ Subnet: '8.8.8.0/24' }] } }] }), ['networks=subnets']],
  ['a secret of a plugin', stackSpec({ Secrets: [{ Name: 'shop_key', Driver: { Name: 'vault' } }] }), ['secrets=vault']],
])('%s', (_what, spec, words) => {
  expect(missing(spec)).toEqual(words);
  // The word that is named is the one that allows it.
  // A word does not build what the cluster lacks.
  const lacking = ['networks=macvlan', 'secrets=vault'];
  if (words.length > 0 && !words.some((word) => lacking.includes(word))) expect(missing(spec, followed(...words))).toEqual([]);
});

test('what is another’s needs its name, declared external or just referred to', () => {
  const cluster = followed();
  cluster.run(createSecret({ Name: 'bank', Data: base64('x') }));
  cluster.run(createNetwork({ Name: 'lan' }));
  const none = { Networks: [], Secrets: [], Configs: [] };
  expect(missing(stackSpec({ External: { ...none, Secrets: ['bank'], Networks: ['lan', 'none'] } }), cluster)).toEqual(['external=lan', 'external=bank']);
  const Secrets = [{ SecretName: 'bank', File: { Name: 'f', UID: '0', GID: '0', Mode: 292 } }];
  expect(missing(container({ Secrets }), cluster)).toEqual(['external=bank']);
  expect(missing(service({ TaskTemplate: { ContainerSpec: { Image: 'a' }, Networks: [{ Target: 'lan' }] } }), cluster)).toEqual(['external=lan']);
  // Declaring it makes it nobody's own.
  expect(missing(stackSpec({ Secrets: [{ Name: 'bank', Data: base64('x') }] }), cluster)).toEqual(['external=bank']);
});

test('a volume that another stack has is another’s, though it begins like one’s own', () => {
  const cluster = followed();
  const Mounts = [{ Type: 'volume' as const, Source: 'shop_db_data', Target: '/x' }];
  cluster.run(
    createService(serviceSpec('shop_db_web', { Labels: { 'com.docker.stack.namespace': 'shop_db' }, TaskTemplate: { ContainerSpec: { Image: 'a', Mounts } } })),
  );
  expect(missing(mount({ Type: 'volume', Source: 'shop_db_data' }), cluster)).toEqual(['external=shop_db_data']);
});

test('a folder is allowed with all below it, on the borders of its name', () => {
  const bind = (Source: string) => missing(mount({ Type: 'bind', Source }), followed('mounts=/srv/data/'));
  expect(['/srv/data', '/srv/data/x', '/srv/data/../data/y'].map(bind)).toEqual([[], [], []]);
  expect(['/srv', '/srv/database', '/srv/data/../other'].map(bind)).toEqual([['mounts=/srv'], ['mounts=/srv/database'], ['mounts=/srv/other']]);
  expect(missing(mount({ Type: 'bind', Source: '/srv/data/{{.Node.ID}}' }), followed('mounts=/srv/data'))).toEqual(['mounts=/']);
  expect(missing(mount({ Type: 'bind', Source: '/anything' }), followed('mounts=*'))).toEqual([]);
});

test('a path that leads out of what is allowed is not allowed', () => {
  const cluster = followed('devices=/dev/dri', 'mounts=/srv/data');
  const device = (PathOnHost: string) => container({ Shoal: { Devices: [{ PathOnHost, PathInContainer: '/dev/x', CgroupPermissions: 'rwm' }] } });
  expect(missing(device('/dev/dri/../sda'), cluster)).toEqual(['devices=/dev/sda']);
  expect(missing(device('/dev/dri/card0'), cluster)).toEqual([]);
});

test('a network that is called as another’s id is that other’s', () => {
  const cluster = followed();
  const { ID } = cluster.run(createNetwork({ Name: 'bank_internal' }));
  const spec = { ...service({}), Networks: [{ Name: ID }] };
  expect(missing(spec, cluster)).toEqual([`external=${ID}`]);
});

test('an operator’s own deploys are free, full trust is too, and so are repositories from before limits', () => {
  const spec = container({ Shoal: { Privileged: true } });
  const cluster = followed();
  cluster.run(deployStack(spec, { source: { Kind: 'deploy' }, prune: true }));
  const full = initialisedCluster();
  full.run(createRepository({ ...repository, Trust: 'full' }));
  expect(missing(spec, full)).toEqual([]);
  const before = followed();
  const stored = before.store.byName('repository', 'main');
  if (!stored) throw new Error('no repository');
  before.write([update('repository', { ...stored, Spec: repository })]);
  expect(missing(spec, before)).toEqual([]);
  expect(missing(spec, initialisedCluster())).toEqual(['privileged']);
});

test('words are given and taken back; what is no word is refused with the list', () => {
  const cluster = followed();
  const words = () => cluster.store.byName('repository', 'main')?.Spec.Allow;
  cluster.run(updateRepository('main', { Allow: ['privileged', 'mounts=/srv//x/'] }));
  expect(words()).toEqual(['mounts=/srv/x', 'privileged']);
  cluster.run(updateRepository('main', { Disallow: ['privileged'] }));
  expect(words()).toEqual(['mounts=/srv/x']);
  expect(() => cluster.run(updateRepository('main', { Disallow: ['privileged'] }))).toThrow('is not allowed privileged');
  for (const word of ['nonsense', 'mounts', 'mounts=relative', 'privileged=yes', '']) {
    expect(() => cluster.run(updateRepository('main', { Allow: [word] }))).toThrow(`"${word}" is nothing that a repository can be allowed: mounts=PATH`);
  }
  for (const [word, { value }] of Object.entries(allowances)) expect(readAllowance(value === undefined ? word : `${word}=*`)).toBeDefined();
});
