/**
 * Every flag of every command does something, or is refused by its name: each command is run without and with it against a daemon's API over the
 * same cluster, and what was asked, what is stored, what is shown or how it ends must differ. A flag that nobody reads fails here.
 */
import { isDeepStrictEqual } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import type { Command, Option } from 'commander';
import { buildProgram } from '#cli/program';
import { run, type Ran } from '#test/support/cli-world';

/** The words that make a command one that works; `FILE` is a stack file, `TEXT` a file of text. */
const commands: Readonly<Record<string, readonly string[]>> = {
  'swarm init': [],
  'swarm join': ['--token', 'SWMTKN-1-x', '192.0.2.1:2377'],
  'swarm join-token': ['worker'],
  'swarm update': [],
  'swarm ca': [],
  'swarm ca --ca-cert': ['--rotate', '--detach'],
  'swarm ca --ca-key': ['--rotate', '--detach'],
  'swarm ca --cert-expiry': ['--rotate', '--detach'],
  'swarm ca --external-ca': ['--rotate', '--detach'],
  'swarm ca --rotate': ['--detach'],

  'swarm unlock': [],
  'swarm unlock-key': [],
  'swarm leave': [],
  'stack deploy': ['-c', 'FILE', '--detach', 'shop'],
  'stack plan': ['-c', 'FILE', 'shop'],
  'stack config': ['-c', 'FILE'],
  'stack lint': ['-c', 'FILE'],
  'stack ls': [],
  'stack ps': ['shop'],
  'stack services': ['shop'],
  'stack inspect': ['shop'],
  'stack explain': ['shop'],
  'stack suspend': ['shop'],
  'stack resume': ['shop'],
  'stack rm': ['shop'],
  'stack rm --force': ['site'],
  'stack adopt': ['--yes', 'shop'],
  'stack history': ['shop'],
  'stack diff': ['shop'],
  'stack rollback': ['--detach', 'shop'],
  'stack retry': ['shop'],
  'service create': ['--detach', '--name', 'new', 'app:1', 'run'],
  'service update': ['--detach', 'web'],
  'service logs': ['plain'],
  'service ls': [],
  'service ps': ['web'],
  'service inspect': ['web'],
  'service scale': ['--detach', 'web=2'],
  'service rollback': ['--detach', 'plain'],
  'service rm': ['web'],
  'node ls': [],
  'node inspect': ['self'],
  'node ps': [],
  'node update': ['one'],
  'node drain': ['one'],
  'node promote': ['one'],
  'node demote': ['one'],
  'node readmit': ['one'],
  'node rm': ['one'],
  'secret create': ['new', 'TEXT'],
  'secret ls': [],
  'secret inspect': ['s1'],
  'secret rm': ['unused'],
  'secret pubkey': [],
  'secret seal': ['TEXT'],
  'config create': ['new', 'TEXT'],
  'config ls': [],
  'config inspect': ['c1'],
  'config rm': ['c1'],
  'network create': ['--driver', 'overlay', 'new'],
  'network ls': [],
  'network inspect': ['net1'],
  'network rm': ['net1'],
  'network rm --force': ['gone'],
  'network prune': [],
  'network doctor': [],
  exec: ['plain.1', 'true'],
  'task inspect': ['plain.1'],
  'task stats': ['plain.1'],
  'repo add': ['new', 'https://git.example/x.git'],
  'repo create': ['new'],
  'repo token create': ['own', '--role', 'push'],
  'repo token ls': ['own'],
  'repo token rm': ['own', 'x'],
  'repo notify add': ['own', 'https://chat.example/x', '--kind', 'webhook'],
  'repo notify ls': ['own'],
  'repo notify rm': ['own', 'x'],
  'repo oidc add': ['own', '--issuer', 'https://forge.example', '--subject', 'repo:a/b:*', '--role', 'push'],
  'repo oidc ls': ['own'],
  'repo oidc rm': ['own', 'x'],
  'repo plan': ['infra'],
  'repo explain': ['infra'],
  'repo history': ['infra'],
  'repo update': ['infra'],
  'repo ls': [],
  'repo inspect': ['infra'],
  'repo sync': ['infra', '--detach'],
  'repo confirm': ['infra'],
  'repo suspend': ['infra'],
  'repo resume': ['infra'],
  'repo thaw': ['infra', '--reason', 'it burns'],
  'repo rm': ['infra'],
  backup: ['OUT'],
  restore: ['TEXT'],
  events: ['--since', '1h', '--until', '0s'],
  __complete: ['--', 'service', 'rm', ''],
  completion: ['bash'],
  man: ['OUT'],
  info: [],
  version: [],
};

/** Values by flag, where the placeholder's is not the one; a list takes the place of flag and value. */
const values: Readonly<Record<string, string | readonly string[]>> = {
  '--external-ca': 'protocol=cfssl,url=https://ca.example',
  '--format': '{{json .}}',
  '--filter': 'name=nothing-of-that-name',
  '--compose-file': 'OTHER',
  '--env-file': 'TEXT',
  '--profile': 'extra',
  '--mode': 'global',
  '--token': 'SWMTKN-1-y',
  '--replace': 'lost',
  '--replicas': '3',
  '--host': 'h:10.1.1.1',
  '--role': 'worker',
  '--driver': 'bridge',
  '--opt': 'a=b',
  '--path': 'elsewhere',
  '--allow': 'privileged',
  '--disallow': 'privileged',
  '--trust': 'full',
  '--on-failure': 'stay',
  '--note': 'another use',
  '--expect': '0123456789abcdef',
  '--freeze': '22:00-06:00',
  '--unfreeze': ['--freeze', '22:00-06:00', '--unfreeze'],
  '--reason': 'another',
  '--for': '77s',
  '--webhook-secret-file': 'WORD',
  '--vault': 'https://vault.example',
  '--vault-role-id': 'role',
  '--timeout': ['--timeout', '1x'],
  '--username': ['--username', 'u', '--password-file', 'TEXT'],
  '--passphrase-file': 'OTHER',
  '--deadline': '5m',
  '--issuer': 'https://other.example',
  '--subject': 'repo:c/d:*',
  '--audience': 'others',
  'repo oidc add --role': 'read',
  '--kind': 'slack',
  '--secret-file': 'WORD',
  '--project': 'a/b',
  'repo add --signers': 'SIGNERS',
  'repo create --signers': 'SIGNERS',
  'repo create --env': 'prod',
  'repo token create --role': 'read',
  'repo update --signers': 'SIGNERS',
  '--semver': '>=1.2 <2',
  '--ref': 'v1',
  '--rewrites': 'follow',
  'repo add --env': 'prod',
  'repo update --env': 'prod',
  'repo update --url': 'https://git.example/y.git',
  '--set': 'K=v',
  '--unset': 'GONE',
  '--password-file': ['--username', 'u', '--password-file', 'TEXT'],
  '--head': 'f00d',
  '--since': '2030-01-01T00:00:00Z',
  '--tail': '1',
  '--user': '7',
  '--group-add': '8',
  '--publish-rm': '80',
  '--mount': 'type=volume,source=v2,target=/w',
  '--mount-add': 'type=volume,source=v2,target=/w',
  '--mount-rm': '/v',
  '--update-order': 'start-first',
  '--rollback-order': 'start-first',
  '--availability': 'drain',
  '--repo': 'infra',
  '--commit': '1234567',
  '--gateway': ['--subnet', '10.77.0.0/24', '--gateway', '10.77.0.9'],
  '--ip-range': ['--subnet', '10.77.0.0/24', '--ip-range', '10.77.0.128/25'],
  '--aux-address': ['--subnet', '10.77.0.0/24', '--aux-address', 'router=10.77.0.9'],
  '--ipam-driver': 'mine',
  '--scope': 'local',
  '--args': 'x y',
  '--image': 'app:2',
  '--group': '8',
  '--health-start-interval': ['--health-cmd', 'true', '--health-start-interval', '1s'],
  '--max-concurrent': ['--mode', 'replicated-job', '--max-concurrent', '2'],
  '--restart-condition': 'on-failure',
  '--update-failure-action': 'rollback',
  '--rollback-failure-action': 'continue',
  '--endpoint-mode': 'dnsrr',
  '--stop-signal': 'SIGINT',
  '--isolation': 'hyperv',
  '--resolve-image': 'never',
  'service update --max-concurrent': '2',
  'swarm update --autolock': ['--autolock=false'],
  '--interval': '77s',
};

/** Values by placeholder. */
const placeholders: Readonly<Record<string, string>> = {
  count: '3',
  cpus: '0.5',
  size: '64M',
  duration: '77s',
  ratio: '0.5',
  signal: 'SIGINT',
  command: 'true',
  name: 'thing',
  folder: '/x',
  file: 'TEXT',
  'key=value': 'k=v',
  'NAME=value': 'K=v',
  NAME: 'A',
  key: 'l',
  network: 'net2',
  secret: 's2',
  config: 'c2',
  expression: 'node.role==manager',
  preference: 'spread=node.labels.zone',
  'name:address': 'h:10.1.1.1',
  address: '10.9.9.9',
  option: 'ndots:3',
  domain: 'example.org',
  'name[=soft[:hard]]': 'nofile=10:20',
  'name=soft[:hard]': 'nofile=10:20',
  'kind=value': 'gpu=2',
  kind: 'gpu',
  capability: 'NET_ADMIN',
  port: '9090:90',
  score: '5',
  driver: 'syslog',
  level: '1',
  cidr: '10.77.0.0/16',
  'pem-file': 'TEXT',
  bits: '25',
  branch: 'other',
  when: 'never',
  lines: '1',
  revision: '1',
};

/** What `service update` takes away is there: by flag without -rm. */
const taken: Readonly<Record<string, string>> = {
  network: 'net1',
  secret: 's1',
  config: 'c1',
  ulimit: 'nproc',
  sysctl: 'net.a',
  label: 'l',
  'container-label': 'cl',
  env: 'A',
  group: '5',
  dns: '10.0.0.9',
  'dns-option': 'ndots:1',
  'dns-search': 'example.com',
  host: 'old:10.0.0.8',
  constraint: 'node.labels.a==b',
  'placement-pref': 'spread=node.labels.rack',
  'generic-resource': 'ssd',
};

/** Flags that are about waiting: walked where the command waits. */
const waiting: ReadonlySet<string> = new Set(['--detach', '--no-detach', '--quiet', '--json', '--timeout', '--wait']);

/** Flags whose effect needs more than a daemon's API over a cluster in memory: what, or the test that holds them. */
const elsewhere: Readonly<Record<string, string>> = {
  'events --until': 'without it the stream has no end: integration/daemon/lifecycle',
  'swarm ca --detach': 'test/integration/cluster/quorum.test.ts',
  'swarm ca --quiet': 'test/integration/cluster/quorum.test.ts',
  'service logs --follow': 'test/integration/daemon/docker-cli.test.ts',
  'service create --no-resolve-image': 'towards a Docker Swarm: test/golden/service-commands.test.ts',
  'service update --no-resolve-image': 'towards a Docker Swarm: test/golden/service-commands.test.ts',
  'stack deploy --resolve-image': 'towards a Docker Swarm, where the client asks for digests',
  'task stats --format': 'test/unit/cli/commands/task-stats.test.ts',
  'stack lint --env-file': 'test/golden/stack-files.test.ts',
  'stack adopt --yes': 'a terminal',
  'network prune --force': 'a terminal',
  'stack rollback --detach': 'waiting, as of service scale',
  'stack rollback --quiet': 'waiting, as of service scale',
  'stack rollback --json': 'waiting, as of service scale',
  'stack rollback --timeout': 'waiting, as of service scale',
  'node drain --wait': 'it waits for tasks to leave a real node',
  'repo sync --wait': 'test/e2e/gitops.test.ts',
  'repo sync --detach': 'what repo sync does without --wait',
  'repo sync --quiet': 'waiting, as of service scale',
  'repo sync --json': 'waiting, as of service scale',
  'repo sync --timeout': 'waiting, as of service scale',
  'service rollback --detach': 'waiting, as of service scale',
  'service rollback --quiet': 'waiting, as of service scale',
  'service rollback --json': 'waiting, as of service scale',
  'service rollback --timeout': 'waiting, as of service scale',
};

function leaves(command: Command, path: readonly string[] = []): { name: string; command: Command }[] {
  return command.commands.flatMap((child) =>
    child.commands.length > 0 ? leaves(child, [...path, child.name()]) : [{ name: [...path, child.name()].join(' '), command: child }],
  );
}

function wordsOf(name: string, option: Option): readonly string[] {
  const long = option.long ?? '';
  const value = values[`${name} ${long}`] ?? values[long];
  if (typeof value === 'object') return value;
  if (!option.required) return [long];
  const base = /^--(.*)-rm$/.exec(long)?.[1];
  const placeholder = /<(.*)>/.exec(option.flags)?.[1] ?? '';
  const word = value ?? (base === undefined || name === 'node update' ? undefined : taken[base]) ?? placeholders[placeholder];
  if (word === undefined) throw new Error(`say what ${name} ${long} takes`);
  return [long, word];
}

const all = leaves(buildProgram());
/** The clock and chance of the cluster in memory start anew with each world. */
const without = new Map<string, Promise<Ran>>();

function outcome(words: readonly string[]): Promise<Ran> {
  const key = words.join(' ');
  let known = without.get(key);
  if (!known) without.set(key, (known = run(words)));
  return known;
}

afterEach(() => void (process.exitCode = undefined));

test('every command is walked', () => {
  expect(all.map(({ name }) => name).toSorted()).toEqual(
    Object.keys(commands)
      .filter((name) => !name.includes(' --'))
      .toSorted(),
  );
});

const walked = all.flatMap(({ name, command: { options } }) =>
  options.map((option) => {
    const flag = option.long ?? option.flags;
    const opposite = options.find(({ long }) => long === flag.replace(/^--/, '--no-') || flag === long?.replace(/^--/, '--no-'))?.long;
    return { name, flag, option, opposite };
  }),
);

/** The base of a flag: without the flag itself, and without --detach where it is about waiting. */
function baseOf(name: string, { long, short, required }: Option): readonly string[] {
  const words = [...(commands[`${name} ${long}`] ?? commands[name] ?? [])];
  for (const own of [long, short, ...(waiting.has(long ?? '') ? ['--detach'] : [])]) {
    const index = own === undefined ? -1 : words.indexOf(own);
    if (index >= 0) words.splice(index, required && own !== '--detach' ? 2 : 1);
  }
  return words;
}

test.each(walked)('$name $flag', async ({ name, flag, option, opposite }) => {
  const key = `${name} ${flag}`;
  if (elsewhere[key] !== undefined) return;
  const path = name.split(' ');
  const base = baseOf(name, option);
  const given = [...path, ...wordsOf(name, option), ...base];
  const after = await run(given);
  expect(after.shown).not.toMatch(/unknown option|is not a function|undefined/);
  // A switch that is on anyway is walked against the one that puts it off.
  const before = opposite === undefined ? [] : [await outcome([...path, opposite, ...base])];
  const same = [await outcome([...path, ...base]), ...before].every((other) => isDeepStrictEqual(other, after));
  expect(same, `${given.join(' ')} does nothing: ${after.asked.join('\n')}\n${after.shown}`).toBe(false);
});

test('the log of a terminal comes without frames, and with --raw only', async () => {
  expect((await run(['service', 'logs', 'web'])).shown).toBe('tty service logs only supported with --raw\n');
  expect((await run(['service', 'logs', '--raw', 'web'])).shown).toBe('1\n2\n');
});
