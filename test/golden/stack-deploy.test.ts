/** `shoal stack …` beside the docker CLI, each against an engine of its own: the same questions, changes, words and exit code. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { RecordingEngine, type Answer, type Call, type EngineSettings } from '#test/support/recording-engine';

const folder = mkdtempSync(join(tmpdir(), 'shoal-side-'));
afterAll(() => rmSync(folder, { recursive: true }));
const noDocker = spawnSync('docker', ['--version']).status !== 0;

interface Setup {
  settings?: Partial<EngineSettings>;
  seed?: (engine: RecordingEngine) => void;
  stdin?: string;
  environment?: Record<string, string>;
}

interface Outcome {
  code: number | null;
  stdout: string[];
  stderr: string;
  calls: Call[];
}

async function run(program: string, args: readonly string[], setup: Setup): Promise<Outcome> {
  const engine = new RecordingEngine(setup.settings);
  setup.seed?.(engine);
  await engine.start();
  try {
    const env = { PATH: `${folder}/bin:${process.env['PATH']}`, HOME: folder, DOCKER_HOST: `unix://${engine.socket}`, ...setup.environment };
    const child = spawn(program, args, { cwd: folder, env });
    const texts = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) child[stream].setEncoding('utf8').on('data', (text: string) => (texts[stream] += text));
    child.stdin.end(setup.stdin ?? '');
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { code, stdout: texts.stdout.split('\n').toSorted(), stderr: stable(texts.stderr), calls: ordered(engine.calls) };
  } finally {
    engine.stop();
  }
}

/** Warnings of several services come in any order. */
function stable(text: string): string {
  return text.replaceAll(/time="[^"]*"/g, 'time="NOW"').split('\n\n').toSorted().join('\n\n');
}

/** docker walks maps, so calls of one kind come in any order: runs of them are sorted, the order of the kinds is kept. */
function ordered(calls: readonly Call[]): Call[] {
  const kindOf = (call: Call): string => `${call.path.split('/')[1]} ${call.path.startsWith('/distribution') ? 'services' : ''}`.replace('distribution ', '').trim();
  const runs: Call[][] = [];
  for (const call of calls) {
    const last = runs.at(-1);
    if (last?.[0] && kindOf(last[0]) === kindOf(call)) last.push(call);
    else runs.push([call]);
  }
  return runs.flatMap((same) => same.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)));
}

async function sideBySide(args: readonly string[], setup: Setup = {}): Promise<Outcome> {
  const [docker, shoal] = [await run('docker', args, setup), await run(join(process.cwd(), 'bin/shoal'), args, setup)];
  expect(shoal).toEqual(docker);
  return shoal;
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

const owned = { 'com.docker.stack.namespace': 'zoo' };
const refuse = (message: string, status = 500): Answer => ({ status, json: { message } });

describe.skipIf(noDocker)('the same as docker', () => {
  const whole = file(
    'whole.yml',
    `
services:
  lion:
    image: cats/lion
    command: roar "at night"
    networks: [savanna]
    secrets: [food, {source: keeper, target: /run/k, mode: 0400}]
    configs: [diet]
    ports: ["8080:80/udp"]
    deploy: {replicas: 2, labels: {area: a}}
  seal:
    image: localhost:5000/seal:2@sha256:${'a'.repeat(64)}
    networks: [outside, pool]
networks:
  savanna: {attachable: true, driver_opts: {encrypted: ""}}
  pool: {ipam: {config: [{subnet: 10.77.0.0/24}]}}
  outside: {external: true, name: wide}
secrets: {food: {file: ./food.txt}, keeper: {external: true}}
configs: {diet: {file: ./food.txt}}
`,
  );
  file('food.txt', 'meat\n');
  const outside = (engine: RecordingEngine): void => {
    engine.seed('networks', { Name: 'wide' });
    engine.seed('secrets', { Name: 'keeper' });
  };

  test('a stack that is new, for each way to resolve images and for old and new daemons', async () => {
    for (const resolve of ['always', 'changed', 'never'])
      await sideBySide(['stack', 'deploy', '-c', whole, '--resolve-image', resolve, 'zoo'], { seed: outside });
    const old = await sideBySide(['stack', 'deploy', '-c', whole, '-d', 'zoo'], { seed: outside, settings: { apiVersion: '1.41' } });
    expect(old.stdout).toContain('Creating network zoo_pool');
    expect(old.calls.filter((call) => call.method === 'POST')).toHaveLength(6);
  });

  test('digests and platforms of a registry are taken, also on update', async () => {
    const digest = `sha256:${'b'.repeat(64)}`;
    const json = { Descriptor: { digest }, Platforms: [{ architecture: 'amd64', os: 'linux' }, { architecture: 'arm', os: 'linux' }] };
    const settings = { intercept: (call: Call) => (call.path.startsWith('/distribution/') ? { status: 200, json } : undefined) };
    const running = (engine: RecordingEngine): void => {
      outside(engine);
      const task = { ForceUpdate: 4, ContainerSpec: { Image: `cats/lion:latest@${digest}` } };
      engine.seed('services', { Name: 'zoo_lion', Labels: { ...owned, 'com.docker.stack.image': 'cats/lion' }, TaskTemplate: task });
      engine.seed('services', { Name: 'zoo_seal', Labels: { ...owned, 'com.docker.stack.image': 'seal:1' }, TaskTemplate: { ContainerSpec: { Image: 'seal:1' } } });
      engine.seed('secrets', { Name: 'zoo_food', Labels: owned });
    };
    const fresh = await sideBySide(['stack', 'deploy', '-d', '-c', whole, 'zoo'], { seed: outside, settings });
    expect(JSON.stringify(fresh.calls)).toContain(`cats/lion:latest@${digest}`);
    for (const resolve of ['always', 'changed', 'never']) await sideBySide(['stack', 'up', '-c', whole, '--detach=true', '--resolve-image', resolve, 'zoo'], { seed: running, settings });
    await sideBySide(['stack', 'deploy', '-d', '-c', whole, 'zoo'], { seed: running });
  });

  test('prune comes first, and a removal that fails stops nothing', async () => {
    const seed = (engine: RecordingEngine): void => {
      outside(engine);
      for (const Name of ['zoo_wolf', 'zoo_bear', 'zoo_lion', 'stray']) engine.seed('services', { Name, Labels: owned, TaskTemplate: { ContainerSpec: {} } });
    };
    await sideBySide(['stack', 'deploy', '--prune', '-d', '-c', whole, '--resolve-image=never', 'zoo'], { seed });
    const intercept = (call: Call): Answer | undefined => (call.method === 'DELETE' && call.path.endsWith('bear') ? refuse('bears stay') : undefined);
    const failing = await sideBySide(['stack', 'deploy', '--prune', '-d', '-c', whole, '--resolve-image=never', 'zoo'], { seed, settings: { intercept } });
    expect(failing.stderr).toBe('Failed to remove service services.zoo_bear: Error response from daemon: bears stay');
  });

  test('each refusal of the daemon stops the deploy where docker stops', async () => {
    const pool = file('pool.yml', 'services: {a: {image: a, networks: [pool]}}\nnetworks: {pool: {}}\n');
    for (const path of ['/info', '/networks/wide', '/networks', '/networks/create', '/secrets/zoo_food', '/secrets/create', '/configs/create', '/secrets', '/services', '/services/create']) {
      const one = file('one.yml', 'services: {a: {image: a, networks: [wide], secrets: [food], configs: [diet]}}\nnetworks: {wide: {external: true}}\nsecrets: {food: {file: food.txt}}\nconfigs: {diet: {file: food.txt}}\n');
      const intercept = (call: Call): Answer | undefined => (call.path === path ? refuse(`no ${path} today`) : undefined);
      const outcome = await sideBySide(['stack', 'deploy', '-d', '-c', path === '/networks/create' ? pool : one, 'zoo'], { seed: outside, settings: { intercept } });
      expect([path, outcome.code]).toEqual([path, 1]);
    }
  });

  test('wrong scope, nothing there, no manager, unknown secret', async () => {
    const missing = await sideBySide(['stack', 'deploy', '-d', '-c', whole, 'zoo']);
    expect(missing.stderr).toContain('network "wide" is declared as external, but could not be found.');
    await sideBySide(['stack', 'deploy', '-d', '-c', whole, 'zoo'], { seed: (engine) => engine.seed('networks', { Name: 'wide', Scope: 'local' }) });
    await sideBySide(['stack', 'deploy', '-d', '-c', whole, 'zoo'], { seed: (engine) => engine.seed('networks', { Name: 'wide' }) });
    await sideBySide(['stack', 'deploy', '-d', '-c', whole, 'zoo'], { settings: { manager: false } });
  });

  test('mistakes of the caller', async () => {
    const half = file('half.yml', '- a\n');
    await sideBySide(['stack', 'deploy', '-d', 'zoo']);
    await sideBySide(['stack', 'deploy', '-c', 'nothere.yml', 'zoo']);
    await sideBySide(['stack', 'deploy', '-c', `${half},nothere.yml`, 'zoo']);
    await sideBySide(['stack', 'deploy', '-c', whole, '--resolve-image', 'sometimes', 'zoo']);
    await sideBySide(['stack', 'deploy', '-c', '-', '-c', whole, '--resolve-image=never', '--detach', 'zoo'], { stdin: 'services: {lion: {hostname: den}}\n', seed: outside });
    await sideBySide(['stack', 'deploy', '-d=true', '--prune=false', '--with-registry-auth=false', '-c', whole, 'zoo'], { seed: outside });
    for (const name of ['', ' ', `"'`, 'a b']) await sideBySide(['stack', 'deploy', '-d', '-c', whole, name], { seed: outside });
  });

  test('credentials: from the file, by host, from a helper, from none', async () => {
    mkdirSync(join(folder, 'bin'), { recursive: true });
    const helper = join(folder, 'bin/docker-credential-keeper');
    writeFileSync(helper, `#!/bin/sh\nread server; if [ "$server" = empty.example ]; then echo "credentials not found in native keychain"; exit 1; fi\nif [ "$server" = token.example ]; then echo '{"ServerURL":"x","Username":"<token>","Secret":"t"}'; else echo '{"ServerURL":"x","Username":"u","Secret":"p~?"}'; fi\n`);
    chmodSync(helper, 0o755);
    const auths = { 'https://index.docker.io/v1/': { auth: Buffer.from('hub:secret').toString('base64') }, 'https://hosted.example/v1/': { auth: Buffer.from('h:a:b').toString('base64') }, 'plain.example': { identitytoken: 'idt' } };
    const credHelpers = { 'help.example': 'keeper', 'empty.example': 'keeper', 'token.example': 'keeper', 'broken.example': 'nothere' };
    mkdirSync(join(folder, 'conf'), { recursive: true });
    writeFileSync(join(folder, 'conf/config.json'), JSON.stringify({ auths, credHelpers }));
    const environment = { DOCKER_CONFIG: join(folder, 'conf') };
    for (const image of ['nginx', 'hosted.example/a', 'plain.example/a', 'help.example/a', 'empty.example/a', 'token.example/a', 'other.example/a']) {
      const one = file('auth.yml', `services: {a: {image: "${image}"}}\n`);
      const { calls } = await sideBySide(['stack', 'deploy', '-d', '--with-registry-auth', '-c', one, 'zoo'], { environment });
      expect([image, calls.filter((call) => call.auth !== undefined).length]).toEqual([image, 2]);
    }
    await sideBySide(['stack', 'deploy', '-d', '--with-registry-auth', '-c', file('auth.yml', 'services: {a: {image: nginx}}\n'), 'zoo'], { environment: { DOCKER_CONFIG: join(folder, 'none') } });
    writeFileSync(helper, `#!/bin/sh\nread server; echo hunter2\n`);
    const garbled = await run(join(process.cwd(), 'bin/shoal'), ['stack', 'deploy', '-d', '--with-registry-auth', '-c', file('auth.yml', 'services: {a: {image: help.example/a}}\n'), 'zoo'], { environment });
    expect([garbled.code, garbled.stderr]).toEqual([1, expect.stringContaining('docker-credential-keeper answered with something that is not a JSON object')]);
    expect(garbled.stderr).not.toContain('hunter2');
  });

  test('stack rm, with and without failures', async () => {
    const seed = (engine: RecordingEngine): void => {
      for (const Name of ['zoo_wolf', 'zoo_bear']) engine.seed('services', { Name, Labels: owned });
      for (const kind of ['networks', 'secrets', 'configs'] as const) engine.seed(kind, { Name: `zoo_${kind}`, Labels: owned });
    };
    await sideBySide(['stack', 'rm', 'zoo'], { seed });
    await sideBySide(['stack', 'rm', 'zoo', 'farm'], { seed });
    await sideBySide(['stack', 'down', 'farm']);
    const intercept = (call: Call): Answer | undefined => (call.method === 'DELETE' && call.path.includes('networks') ? refuse('in use', 409) : undefined);
    const failing = await sideBySide(['stack', 'rm', 'zoo', 'farm'], { seed, settings: { intercept } });
    expect([failing.code, failing.stderr]).toEqual([1, expect.stringContaining('Nothing found in stack: farm\nfailed to remove some resources from stack: zoo\n')]);
  });

  test('stack config', async () => {
    await sideBySide(['stack', 'config', '-c', whole]);
    await sideBySide(['stack', 'config', '--skip-interpolation', '-c', file('cfg.yml', 'services: {a: {image: "a:${TAG:-1}", labels: {x: $$y}}}\n')]);
    await sideBySide(['stack', 'config', '-c', '-'], { stdin: 'services: {a: {image: 1}}\n' });
    await sideBySide(['stack', 'config']);
  });
});

describe('towards a plain Docker Swarm', () => {
  const shoal = (args: readonly string[]): Promise<Outcome> => run(join(process.cwd(), 'bin/shoal'), ['stack', ...args], {});
  const writes = ({ calls }: Outcome): Call[] => calls.filter(({ method }) => method !== 'GET' && method !== 'HEAD');

  test('what only a cluster of ours can do is refused by name, by deploy and plan alike, before anything is sent', async () => {
    const tied = file('tied.yml', 'name: tied\nservices: {a: {image: a, ports: ["127.0.0.1:80:80"], configs: [c]}}\nconfigs: {c: {content: x}}\n');
    for (const verb of ['deploy', 'plan']) {
      const outcome = await shoal([verb, '--spec', '-c', tied]);
      expect([outcome.code, outcome.stderr]).toEqual([
        1,
        "service tied_a: Docker Swarm cannot do this, only a cluster of shoal's own can: EndpointSpec.Ports[0].HostIP\n",
      ]);
      expect(writes(outcome)).toEqual([]);
    }
  });

  test('hints of ours are left out, and told', async () => {
    const hinted = file('hinted.yml', 'name: hinted\nservices: {a: {image: a, depends_on: [b]}, b: {image: b}}\n');
    const outcome = await shoal(['deploy', '--spec', '--detach', '--resolve-image=never', '-c', hinted]);
    expect([outcome.code, outcome.stderr]).toEqual([0, 'warning: service hinted_a: Docker Swarm has no DependsOn; left out\n']);
    expect(JSON.stringify(writes(outcome))).not.toContain('Shoal');
  });
});
