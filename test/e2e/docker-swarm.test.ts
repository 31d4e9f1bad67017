/** A plain Docker Swarm as target: what we deploy and what docker deploys is one and the same; waiting tells the truth. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Service } from '#model/object/service';
import type { Task } from '#model/object/task';
import { runCommand, type Ran } from '#test/support/daemon';
import { type Host, loadImage, startHost, whyNoHost } from '../support/machine.mjs';

const image = 'shoal-swarm-test:1';
const stay = `["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1; done"]`;

/** Ports are published by the host: the kernel of a test may lack what the routing mesh needs. */
const stacks: Record<string, string> = {
  front: `
services:
  web:
    image: ${image}
    ports: [{target: 80, published: 18081, mode: host}]
    environment: {ZEBRA: 1, APE: "\${APE:-none}"}
    secrets: [{source: key, target: again, mode: 0400}]
    configs: [{source: page, target: /www/page}]
    healthcheck: {test: "true", interval: 1s, retries: 1}
    networks: {inner: {aliases: [site]}}
    deploy: {labels: {team: a}, update_config: {order: start-first, monitor: 1s}, resources: {limits: {memory: 64M, cpus: "0.25"}}}
networks: {inner: {attachable: true, labels: {x: y}}}
secrets: {key: {file: ./key.txt}}
configs: {page: {file: ./key.txt, labels: {x: y}}}
`,
  everywhere: `
services:
  agent:
    image: ${image}
    command: ${stay}
    volumes: ["state:/state", "/tmp:/host:ro"]
    stop_grace_period: 1s
    deploy: {mode: global, placement: {constraints: [node.role == manager]}, restart_policy: {condition: on-failure, max_attempts: 2, window: 5s}}
volumes: {state: {labels: {x: y}}}
`,
  pair: `
services:
  one: {image: ${image}, command: ${stay}, cap_add: [NET_ADMIN], ulimits: {nofile: 1024}, sysctls: {net.core.somaxconn: 128}, init: true, deploy: {replicas: 2}}
  two: {image: ${image}, command: ${stay}, hostname: "{{.Service.Name}}", extra_hosts: ["a:10.0.0.1"], logging: {driver: json-file, options: {max-size: 1m}}, stop_grace_period: 1s}
`,
};

let host: Host;

const environment = (): Record<string, string> => ({ DOCKER_HOST: `unix://${host.socket}` });
const shoal = (...args: string[]): Promise<Ran> => runCommand(join(process.cwd(), 'bin/shoal'), args, environment());
const docker = (...args: string[]): Promise<Ran> => runCommand('docker', args, environment());

/** Writes a file; its path. */
function file(name: string, text: string): string {
  writeFileSync(join(host.folder, name), text);
  return join(host.folder, name);
}

async function inspect<T>(kind: 'service' | 'task', ids: readonly string[]): Promise<T[]> {
  if (ids.length === 0) return [];
  const { stdout } = await docker(...(kind === 'service' ? ['service', 'inspect'] : ['inspect', '--type', 'task']), ...ids);
  return JSON.parse(stdout) as T[];
}

/** Specs and tasks of a stack, and what became of updates. */
async function seen(stack: string): Promise<{ specs: object; tasks: string[]; updates: (string | undefined)[] }> {
  const { stdout } = await docker('stack', 'services', '-q', stack);
  const services = await inspect<Service>('service', stdout.split('\n').filter(Boolean));
  const { stdout: ids } = await docker('stack', 'ps', '-q', '--no-trunc', stack);
  const tasks = await inspect<Task>('task', ids.split('\n').filter(Boolean));
  return {
    specs: Object.fromEntries(services.map(({ Spec }) => [Spec.Name, Spec])),
    tasks: tasks.map(({ ID, DesiredState }) => `${ID} ${DesiredState}`).toSorted(),
    updates: services.map(({ UpdateStatus }) => UpdateStatus?.State),
  };
}

/** The version of each service of the stack. */
async function versions(stack: string): Promise<Map<string, number>> {
  const { stdout } = await docker('stack', 'services', '-q', stack);
  const services = await inspect<Service>('service', stdout.split('\n').filter(Boolean));
  return new Map(services.map(({ Spec, Version }) => [Spec.Name, Version.Index]));
}

describe.skipIf(whyNoHost())('a plain Docker Swarm', () => {
  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, image);
    host.docker(['swarm', 'init', '--advertise-addr', '127.0.0.1']);
    file('key.txt', 'sesame');
    for (const [name, text] of Object.entries(stacks)) file(`${name}.yml`, text);
  }, 120_000);
  afterAll(async () => {
    if (!host) return;
    for (const stack of host.docker(['stack', 'ls', '--format', '{{.Name}}']).split('\n').filter(Boolean)) await shoal('stack', 'rm', '--detach=false', stack);
    await host.stop();
  }, 120_000);

  // Side by side: most of it is waiting.
  test.concurrent.each(Object.keys(stacks))('%s: docker over ours and ours over docker’s change nothing', { timeout: 180_000 }, async (name) => {
    const deploy = ['stack', 'deploy', '--detach=false', '-q', '--resolve-image', 'never', '-c', join(host.folder, `${name}.yml`), name];
    const first = await shoal(...deploy);
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect((await shoal('stack', 'plan', '-c', join(host.folder, `${name}.yml`), name)).stdout).toMatch(
      /^Stack \w+: 0 to create, 0 to change, 0 to remove, \d unchanged\. Nothing was written\.\n$/,
    );
    const ours = await seen(name);
    const written: string[][] = [];
    for (const deployer of [docker, docker, shoal, docker]) {
      const before = await versions(name);
      const again = await deployer(...deploy.map((word) => word.replace('--detach=false', '--detach=true')));
      expect([again.code, again.stdout.match(/^Creating/m)]).toEqual([0, null]);
      expect(await seen(name)).toEqual(ours);
      const after = await versions(name);
      written.push([...after].filter(([service, version]) => version !== before.get(service)).map(([service]) => service));
    }
    // docker writes each service at each deploy, changed or not, and so does ours. What else the Swarm logs meanwhile is its own business.
    for (const services of written) expect(services).toEqual(written[0]);
    expect((await shoal('stack', 'rm', '--detach=false', name)).code).toBe(0);
    expect((await docker('stack', 'ls', '-q')).stdout).not.toContain(name);
  });

  test('the Compose Specification there: content in names, pruning, a plan that writes nothing', { timeout: 180_000 }, async () => {
    const text = (word: string): string => `
name: spec
services: {app: {image: ${image}, command: ${stay}, stop_grace_period: 1s, configs: [motto], deploy: {update_config: {monitor: 1s}}}}
configs: {motto: {content: ${word}}}
`;
    const deploy = async (word: string): Promise<Ran> => shoal('stack', 'deploy', '--spec', '--resolve-image=never', '-c', file('spec.yml', text(word)));
    const configs = async (): Promise<string[]> =>
      (await docker('config', 'ls', '--format', '{{.Name}}')).stdout.split('\n').filter((name) => name.startsWith('spec_'));
    expect((await deploy('one')).code).toBe(0);
    const [first] = await configs();
    const before = await seen('spec');
    const plan = await shoal('stack', 'plan', '--spec', '-c', file('spec.yml', text('two')));
    expect(plan.stdout).toMatch(/^\+ config spec_motto-\w+\n~ service spec_app, its tasks are replaced\n/);
    expect([await configs(), await seen('spec')]).toEqual([[first], before]);
    expect((await deploy('two')).code).toBe(0);
    expect(await configs()).toHaveLength(2);
    const third = await deploy('three');
    expect([third.code, third.stdout.includes(`Removing config ${first}`)]).toEqual([0, true]);
    expect(await configs()).toHaveLength(2);
    expect((await configs()).includes(first ?? '')).toBe(false);
  });

  test('exit codes: a one-shot is done, a rollback is 3, a missing image is 4 with its reason', { timeout: 180_000 }, async () => {
    const app = (more: string): string =>
      file(
        'codes.yml',
        `services: {app: {${more}, stop_grace_period: 1s, deploy: {restart_policy: {delay: 200ms}, update_config: {monitor: 2s, failure_action: rollback}}}}\n`,
      );
    const deploy = (...args: string[]): Promise<Ran> =>
      shoal('stack', 'deploy', '--spec', '--resolve-image=never', '-c', join(host.folder, 'codes.yml'), ...args, 'codes');
    file('codes.yml', `services: {job: {image: ${image}, command: ["true"], deploy: {restart_policy: {condition: none}}}}\n`);
    expect((await deploy()).code).toBe(0);
    expect((await deploy()).code).toBe(0);
    app(`image: ${image}, command: ${stay}`);
    expect((await deploy()).code).toBe(0);
    app(`image: ${image}, command: ["sh", "-c", "exit 7"]`);
    const back = await deploy();
    expect([back.code, back.stderr]).toEqual([3, expect.stringContaining('task: non-zero exit (7)')]);
    await shoal('stack', 'rm', '--detach=false', 'codes');
    app('image: shoal-nothere:1');
    const missing = await deploy();
    expect([missing.code, missing.stderr]).toEqual([4, expect.stringContaining('No such image: shoal-nothere:1')]);
  });
});
