/** What somebody changes by hand is named and taken back, field by field; who fights over one of them waits ever longer, for that one alone. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import { updateService } from '#control/service/services';
import { CarryOut, type SeenCommit } from '#gitops/apply/carry-out';
import { ReconcileEvents } from '#gitops/events';
import { VaultValues } from '#gitops/vault/vault-values';
import type { ServiceSpec } from '#model/object/service-spec';
import { initialisedCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

const commit = '1'.repeat(40);
const Labels = { 'com.docker.stack.namespace': 'a' };
const wanted: ServiceSpec = {
  Name: 'a_web',
  Labels,
  TaskTemplate: { ContainerSpec: { Image: 'app:1', Labels } },
  Mode: { Replicated: { Replicas: 2 } },
};
const seen: SeenCommit = {
  commit,
  declared: {},
  stacks: [
    {
      Name: 'a',
      Path: 'stacks/a',
      Commit: commit,
      digest: 'one',
      spec: { Name: 'a', Networks: [], Secrets: [], Configs: [], Services: [wanted], External: { Networks: [], Secrets: [], Configs: [] } },
    },
  ],
};

class World {
  readonly clock = new VirtualClock();
  readonly cluster = initialisedCluster({ clock: this.clock });
  readonly events = new ReconcileEvents({ clock: this.clock, logger: silentLogger });
  readonly carryOut: CarryOut;

  constructor() {
    const { clock, cluster, events } = this;
    cluster.run(createRepository({ Name: 'main', URL: '/r', Branch: 'main', Path: 'stacks', Interval: second, Trust: 'full' }));
    const parts = { cluster, clock, logger: silentLogger };
    const values = new VaultValues({ ...parts, signal: new AbortController().signal, repository: 'main' });
    this.carryOut = new CarryOut('main', { ...parts, events, values, followed: 'branch main', renderAt: async () => [] });
  }

  get service() {
    const service = this.cluster.store.byName('service', 'a_web');
    if (!service) throw new Error('no service');
    return service;
  }

  edit(path: string, value: unknown): void {
    const { Version, Spec } = this.service;
    this.cluster.run(updateService('a_web', Version.Index, edited(Spec, path.split('.'), value) as ServiceSpec));
  }

  /** What was reverted by the next look, in its words. */
  async look(): Promise<string[]> {
    const before = this.events.recent().length;
    await this.carryOut.run(seen, false);
    return this.events
      .recent()
      .slice(before)
      .flatMap(({ action, message }) => (action === 'drift reverted' ? [message] : []));
  }
}

function edited(from: unknown, [first = '', ...rest]: readonly string[], value: unknown): unknown {
  const before = (from ?? {}) as Readonly<Record<string, unknown>>;
  return { ...before, [first]: rest.length === 0 ? value : edited(before[first], rest, value) };
}

const container = (fields: Readonly<Record<string, unknown>>): (readonly [string, unknown])[] =>
  Object.entries(fields).map(([name, value]) => [`TaskTemplate.ContainerSpec.${name}`, value] as const);
const task = (fields: Readonly<Record<string, unknown>>): (readonly [string, unknown])[] =>
  Object.entries(fields).map(([name, value]) => [`TaskTemplate.${name}`, value] as const);
const rollout = { Parallelism: 3, Delay: 2e9, FailureAction: 'continue', Monitor: 7e9, MaxFailureRatio: 0.5, Order: 'start-first' };
const edits: readonly (readonly [string, unknown])[] = [
  ...container({
    Image: 'by:hand',
    Command: ['x'],
    Args: ['x'],
    Hostname: 'h',
    Env: ['A=1'],
    Dir: '/d',
    User: 'u',
    Groups: ['g'],
    TTY: true,
    OpenStdin: true,
    ReadOnly: true,
    Init: true,
    StopSignal: 'SIGINT',
    StopGracePeriod: 3e9,
    Hosts: ['1.2.3.4 h'],
    OomScoreAdj: 5,
    Mounts: [{ Type: 'volume', Source: 'v', Target: '/v' }],
    Sysctls: { 'net.core.somaxconn': '1024' },
    CapabilityAdd: ['CAP_NET_ADMIN'],
    CapabilityDrop: ['CAP_NET_RAW'],
    Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
    'DNSConfig.Nameservers': ['1.1.1.1'],
    'DNSConfig.Search': ['x'],
    'DNSConfig.Options': ['ndots:1'],
    'Healthcheck.Test': ['CMD', 'true'],
    'Healthcheck.Interval': 4e9,
    'Healthcheck.Timeout': 4e9,
    'Healthcheck.Retries': 4,
    'Healthcheck.StartPeriod': 4e9,
    'Labels.mine': 'x',
    'Privileges.NoNewPrivileges': true,
  }),
  ...task({
    'Resources.Limits.NanoCPUs': 5e8,
    'Resources.Limits.MemoryBytes': 64 * 1024 * 1024,
    'Resources.Limits.Pids': 100,
    'Resources.Reservations.NanoCPUs': 1e8,
    'Resources.Reservations.MemoryBytes': 32 * 1024 * 1024,
    'RestartPolicy.Condition': 'none',
    'RestartPolicy.Delay': 9e9,
    'RestartPolicy.MaxAttempts': 3,
    'RestartPolicy.Window': 9e9,
    'Placement.Constraints': ['node.role==manager'],
    'Placement.Preferences': [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }],
    'Placement.MaxReplicas': 3,
    'LogDriver.Name': 'none',
  }),
  ...Object.entries(rollout).map(([name, value]) => [`UpdateConfig.${name}`, value] as const),
  ...Object.entries(rollout).map(([name, value]) => [`RollbackConfig.${name}`, value] as const),
  ['EndpointSpec.Mode', 'dnsrr'],
  ['EndpointSpec.Ports', [{ TargetPort: 80 }]],
  ['Mode.Replicated.Replicas', 5],
  ['Labels.mine', 'x'],
];

const most = 60;

test('each of sixty fields that is changed by hand is named by its path and taken back by the next look, one right after the other', async () => {
  const world = new World();
  await world.carryOut.run(seen, true);
  const before = world.service.Spec;
  expect(edits.length).toBeGreaterThanOrEqual(most);
  for (const [path, value] of edits) {
    world.edit(path, value);
    const [said = '', ...more] = await world.look();
    expect.soft(said, path).toContain(`changed by hand: a_web ${path}`);
    expect.soft(more, path).toEqual([]);
    expect.soft(world.service.Spec, path).toEqual(before);
    expect.soft(await world.look(), path).toEqual([]);
  }
});

test('who changes one field again and again is answered ever more slowly, who changes another one at once', async () => {
  const world = new World();
  await world.carryOut.run(seen, true);
  const waits: number[] = [];
  for (let time = 0; time < 10; time++) {
    world.edit('Mode.Replicated.Replicas', 5 + time);
    const began = world.clock.now();
    while ((await world.look()).length === 0) await world.clock.advance(world.carryOut.againMs ?? 0);
    waits.push(world.clock.now() - began);
  }
  expect(waits).toEqual([0, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000]);
  world.edit('Mode.Replicated.Replicas', 7);
  expect(await world.look()).toEqual([]);
  expect(world.carryOut.againMs).toBe(60_000);
  world.edit('Mode.Replicated.Replicas', 2);
  world.edit('TaskTemplate.ContainerSpec.User', 'u');
  expect(await world.look()).toEqual([`${'1'.repeat(12)}: changed by hand: a_web TaskTemplate.ContainerSpec.User: "u" → nothing`]);
  await world.clock.advance(130_000);
  world.edit('Mode.Replicated.Replicas', 7);
  expect((await world.look()).length).toBe(1);
});
