/** The command line in this process, run against a daemon's API over a cluster in memory that has one of everything. */
import { createServer, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { vi } from 'vitest';
import { main } from '#cli/main';
import { second } from '#base/text/duration';
import { createRepository, setRepositoryStatus } from '#control/repository/repositories';
import { createToken } from '#control/repository/tokens';
import { setSealing } from '#control/sealing';
import { deployStack } from '#control/stack/stacks';
import type { TaskLogLine } from '#api/dependencies';
import type { StoreImage } from '#store/store';
import { instantTasks, startApi, type ApiFixture } from './api-fixture.ts';
import { MemoryCluster } from './memory-cluster.ts';
import { testIdentity, testRecipient } from './sealed-files.ts';

export interface Ran {
  asked: string[];
  stored: string;
  shown: string;
  code: unknown;
}

const file = `services:
  web:
    image: app:\${TAG:-1}
    environment: { X: "\${NOBODY}" }
  more:
    image: app:1
    profiles: [extra]
`;

const signers = 'me@localhost ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcTtTJkJ0dYyQm5Z0Xo9G0mJ8mYq7n9kqHn2z1yJ5fA\n';

interface World {
  image: StoreImage;
  logs: readonly (readonly [string, TaskLogLine[]])[];
}

let world: Promise<World> | undefined;

/** One run of `args` on a world of its own: a copy of one that is made once. */
export async function run(args: readonly string[]): Promise<Ran> {
  const { image, logs } = await (world ??= theWorld());
  const cluster = new MemoryCluster({ seed: 2, stages: [instantTasks] });
  cluster.store.restore(image);
  const api = await startApi({ cluster });
  for (const [id, lines] of logs) api.logs.set(id, lines);
  const asked: string[] = [];
  const door = await recorder(api, asked);
  const shown: string[] = [];
  const keep = (text: string | Uint8Array): boolean => shown.push(String(text)) > 0;
  try {
    const places = {
      FILE: await api.file('a.yml', file),
      OTHER: await api.file('b.yml', file.replace('web', 'web2')),
      TEXT: await api.file('text', 'TAG=7\n'),
      SIGNERS: await api.file('signers', signers),
      WORD: await api.file('word', 'a long enough secret\n'),
      OUT: join(api.folder, 'out'),
    };
    vi.stubEnv('SHOAL_HOST', `unix://${door.path}`);
    vi.stubEnv('SHOAL_BACKUP_PASSPHRASE', 'correct horse');
    vi.spyOn(process.stdout, 'write').mockImplementation(keep);
    vi.spyOn(process.stderr, 'write').mockImplementation(keep);
    await main(args.map((word) => places[word as keyof typeof places] ?? word));
    return { asked, stored: storedIn(api), shown: plain(shown.join(''), api), code: process.exitCode };
  } finally {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    process.exitCode = undefined;
    door.close();
    await api.stop();
  }
}

/** A socket in front of the daemon's that writes down what is asked. */
async function recorder(api: ApiFixture, asked: string[]): Promise<{ path: string; close: () => void }> {
  const path = join(api.folder, 'door.sock');
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      const { method = 'GET', url = '/', headers } = request;
      asked.push(plain(`${method} ${url} ${String(headers['x-registry-auth'] ?? headers['shoal-passphrase'] ?? '')} ${body.toString()}`, api));
      const onward = httpRequest({ socketPath: api.socketPath, method, path: url, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      response.on('close', () => onward.destroy());
      onward.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const tokenDigest = /"Digest":"[0-9a-f]{64}"/g;

/** Without what differs from one run to the next. */
function plain(text: string, api: ApiFixture): string {
  return text
    .replaceAll(api.folder, 'FOLDER')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z?/g, 'TIME')
    .replaceAll(/(About an? \w+|Less than a second|\d+ \w+) ago/g, 'AGO')
    .replaceAll(/"SystemTime":"[^"]*"/g, '')
    .replaceAll(/shoal_[\w-]{43}/g, 'TOKEN')
    .replaceAll(tokenDigest, '"Digest":""');
}

function storedIn({ cluster: { store }, status }: ApiFixture): string {
  const kinds = ['cluster', 'node', 'service', 'network', 'secret', 'config', 'stack', 'repository'] as const;
  return JSON.stringify([status, kinds.map((kind) => [...store.list(kind)])]).replaceAll(tokenDigest, '"Digest":""');
}

async function theWorld(): Promise<World> {
  const api = await startApi();
  try {
    await makeWorld(api);
    return { image: api.cluster.store.image(), logs: [...api.logs] };
  } finally {
    await api.stop();
  }
}

/** A cluster with one of everything; what is made has something of all that can be taken away. */
async function makeWorld(api: ApiFixture): Promise<void> {
  const make = async (path: string, body: object): Promise<string> => {
    const { status, json, text } = await api.http('POST', path, body);
    if (status >= 400) throw new Error(`${path}: ${text}`);
    return (json as { ID?: string } | undefined)?.ID ?? '';
  };
  const { Spec, Version } = (await api.http('GET', '/swarm')).json;
  await make(`/swarm/update?version=${Version.Index}`, { ...Spec, EncryptionConfig: { AutoLockManagers: true } });
  api.cluster.run(setSealing({ Identity: testIdentity, Recipient: testRecipient }));
  const Data = Buffer.from('text').toString('base64');
  const [s1] = [
    await make('/secrets/create', { Name: 's1', Data }),
    await make('/secrets/create', { Name: 's2', Data }),
    await make('/secrets/create', { Name: 'unused', Data }),
  ];
  const [c1] = [await make('/configs/create', { Name: 'c1', Data }), await make('/configs/create', { Name: 'c2', Data })];
  for (const Name of ['net1', 'net2']) await make('/networks/create', { Name, Driver: 'overlay' });
  const reference = (ID: string, Name: string) => ({
    File: { Name, UID: '0', GID: '0', Mode: 292 },
    [Name === 's1' ? 'SecretID' : 'ConfigID']: ID,
    [Name === 's1' ? 'SecretName' : 'ConfigName']: Name,
  });
  const ContainerSpec = {
    Image: 'app:1',
    Env: ['A=1'],
    Labels: { cl: '1' },
    Groups: ['5'],
    Hosts: ['10.0.0.8 old'],
    DNSConfig: { Nameservers: ['10.0.0.9'], Search: ['example.com'], Options: ['ndots:1'] },
    Mounts: [{ Type: 'volume', Source: 'v', Target: '/v' }],
    Secrets: [reference(s1 ?? '', 's1')],
    Configs: [reference(c1 ?? '', 'c1')],
    Sysctls: { 'net.a': '1' },
    Ulimits: [{ Name: 'nproc', Soft: 1, Hard: 2 }],
    CapabilityAdd: ['CAP_SYS_TIME'],
    Healthcheck: { Test: ['CMD-SHELL', 'false'] },
    ReadOnly: true,
    TTY: true,
    Init: true,
  };
  const Placement = { Constraints: ['node.labels.a==b'], Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.rack' } }] };
  const Resources = { Reservations: { GenericResources: [{ DiscreteResourceSpec: { Kind: 'ssd', Value: 1 } }] } };
  await make('/services/create', {
    Name: 'web',
    Labels: { l: '1' },
    TaskTemplate: { ContainerSpec, Placement, Resources, Networks: [{ Target: 'net1' }] },
    Mode: { Replicated: { Replicas: 1 } },
    EndpointSpec: { Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }] },
  });
  const plainId = await make('/services/create', { Name: 'plain', TaskTemplate: { ContainerSpec: { Image: 'app:1' } } });
  const updated = api.cluster.store.get('service', plainId)?.Version.Index;
  await make(`/services/${plainId}/update?version=${updated}`, { Name: 'plain', TaskTemplate: { ContainerSpec: { Image: 'app:2' } } });
  for (const { ID } of api.cluster.store.list('task')) {
    api.logs.set(
      ID,
      ['1', '2'].map((text) => ({ stream: 'stdout', timestamp: `2026-01-01T00:00:0${text}Z`, text, details: 'kept=by-the-driver' })),
    );
  }
  const { version } = { version: api.cluster.store.get('node', 'node-one')?.Version.Index };
  await make(`/nodes/node-one/update?version=${version}`, { Role: 'manager', Availability: 'active', Labels: { l: '1' } });
  const shop = {
    Name: 'shop',
    Services: [{ Name: 'old', TaskTemplate: { ContainerSpec: { Image: 'app:1' } }, Mode: { Replicated: { Replicas: 1 } } }],
    Networks: [],
    Secrets: [],
    Configs: [],
    External: {},
  };
  const [first] = shop.Services.map((service) => ({ ...service, TaskTemplate: { ContainerSpec: { Image: 'app:0' } } }));
  await make('/shoal/v1/stacks/shop', { Spec: { ...shop, Services: [first] } });
  await make('/shoal/v1/stacks/shop', { Spec: shop });
  api.cluster.run(
    createRepository({ Name: 'infra', URL: 'https://git.example/i.git', Branch: 'main', Variables: { GONE: '1' }, Path: 'stacks', Interval: 30 * second }),
  );
  const site = {
    ...shop,
    Name: 'site',
    Services: shop.Services.map((service) => ({ ...service, Name: 'site_web' })),
    External: { Networks: [], Secrets: [], Configs: [] },
  };
  const source = { Kind: 'repository', Repository: 'infra', Path: 'stacks/site', Commit: '1'.repeat(40) } as const;
  api.cluster.run(deployStack(site, { source, prune: true }));
  api.cluster.run(createRepository({ Name: 'own', URL: '', Hosted: true, Branch: 'main', Path: 'stacks', Interval: 30 * second }));
  api.cluster.run(createToken('own', { role: 'read', note: 'of the world', digest: '0'.repeat(64) }));
  // The repository has a folder of the stack's name, which waits to be adopted.
  const Held = { shop: 'it was deployed by hand' };
  api.cluster.run(setRepositoryStatus('infra', { State: 'held', Message: '', Since: '2026-01-01T00:00:00Z', Commit: '1'.repeat(40), Held }));
}
