/** `service create|update` beside the docker CLI: what reaches the engine of secrets, images and credentials. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { RecordingEngine, type Call } from '#test/support/recording-engine';

const home = mkdtempSync(join(tmpdir(), 'shoal-home-'));
afterAll(() => rmSync(home, { recursive: true }));
const noDocker = spawnSync('docker', ['--version']).status !== 0;
const digest = `sha256:${'c'.repeat(64)}`;

async function changes(program: string, args: readonly string[], registry: boolean): Promise<{ code: number | null; stderr: string; calls: Call[] }> {
  const intercept = (call: Call) =>
    registry && call.path.startsWith('/distribution/') ? { status: 200, json: { Descriptor: { digest }, Platforms: [{ architecture: 'amd64', os: 'linux' }] } } : undefined;
  const engine = new RecordingEngine({ intercept });
  for (const kind of ['secrets', 'configs'] as const) engine.seed(kind, { Name: 'food' });
  engine.seed('services', { Name: 'lion', TaskTemplate: { ContainerSpec: { Image: 'lion:1' } }, Mode: { Replicated: { Replicas: 1 } } });
  await engine.start();
  try {
    const child = spawn(program, args, { env: { PATH: process.env['PATH'], HOME: home, DOCKER_HOST: `unix://${engine.socket}` } });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { code, stderr, calls: engine.changes() };
  } finally {
    engine.stop();
  }
}

/** What matters of a service that is sent. */
function essence({ path, query, auth, body }: Call): object {
  const { TaskTemplate: task } = body as { TaskTemplate: { ContainerSpec: Record<string, unknown>; Placement?: { Platforms?: unknown } } };
  const { Image, Secrets, Configs } = task.ContainerSpec;
  return { path, query, auth, Image, Secrets, Configs, platforms: task.Placement?.Platforms };
}

test.skipIf(noDocker).each([
  [true, ['service', 'create', '-d', '--name', 'seal', '--secret', 'food', '--config', 'source=food,target=/f', 'seal']],
  [false, ['service', 'create', '-d', '--name', 'seal', '--with-registry-auth', 'seal:2']],
  [true, ['service', 'create', '-d', '--no-resolve-image', 'seal']],
  [true, ['service', 'update', '-d', '--image', 'lion:2', 'lion']],
  [false, ['service', 'update', '-d', '--image', 'lion:2', '--with-registry-auth', 'lion']],
  [true, ['service', 'update', '-d', '--force', 'lion']],
])('with a registry: %s, %j', async (registry, args) => {
  const [docker, shoal] = [await changes('docker', args, registry), await changes(join(process.cwd(), 'bin/shoal'), args, registry)];
  expect([shoal.code, shoal.stderr]).toEqual([docker.code, docker.stderr]);
  expect(docker.calls).toHaveLength(1);
  expect(shoal.calls.map(essence)).toEqual(docker.calls.map(essence));
});

test.skipIf(noDocker)('a secret that is not there is refused before anything is sent', async () => {
  const args = ['service', 'create', '-d', '--secret', 'drink', 'seal'];
  const [docker, shoal] = [await changes('docker', args, true), await changes(join(process.cwd(), 'bin/shoal'), args, true)];
  expect(shoal).toEqual(docker);
  expect([shoal.code, shoal.calls]).toEqual([1, []]);
});
