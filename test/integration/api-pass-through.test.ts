/** The docker CLI through our socket to a real engine: what is not ours arrives unchanged, streams and hijacked connections too. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runDocker, startApi, type ApiFixture } from '#test/support/api-fixture';
import { loadImage, startHost, until, whyNoHost } from '../support/machine.mjs';

const reason = whyNoHost() as string | undefined;

describe.skipIf(reason)(`engine behind the API${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let host: { socket: string; docker(args: string[]): string; stop(): Promise<void> };
  let api: ApiFixture;

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, 'shoal-test:1');
    api = await startApi({ engineSocket: host.socket });
  });

  afterAll(async () => {
    await api?.stop();
    await host?.stop();
  });

  test('the API version is the lower of both, and version and info are merged', async () => {
    const ping = await api.http('HEAD', '/_ping');
    expect(ping.headers['api-version']).toBe('1.41');
    expect(ping.headers['shoal']).toBe('0.1.0');
    const pinned = await api.http('GET', '/v1.41/containers/json');
    expect([pinned.status, pinned.headers['api-version']]).toEqual([200, '1.41']);
    expect((await api.http('GET', '/v1.47/containers/json')).status).toBe(400);
    const version = (await api.http('GET', '/version')).json;
    expect(version.Components.map((component: { Name: string }) => component.Name)).toEqual(expect.arrayContaining(['Engine', 'Shoal']));
    const info = await api.docker('info', '--format', '{{.ServerVersion}} {{.Swarm.LocalNodeState}} {{.Swarm.NodeID}}');
    expect(info.stdout).toMatch(/^20\.10\S* active node-one\n$/);
  });

  test('containers run, answer on exec, give their exit code and logs', async () => {
    const run = await api.docker('run', '--name', 'first', 'shoal-test:1', 'sh', '-c', 'echo out; echo err >&2; exit 7');
    expect(run).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
    expect((await api.docker('logs', 'first')).stdout).toBe('out\n');
    await api.docker('run', '-d', '--name', 'second', 'shoal-test:1', 'sleep', '300');
    const exec = await runDocker(api.socketPath, api.folder, ['exec', '-i', 'second', 'sh', '-c', 'cat; exit 3'], 'typed\n');
    expect(exec).toEqual({ code: 3, stdout: 'typed\n', stderr: '' });
    expect((await api.docker('ps', '--format', '{{.Names}}')).stdout).toBe('second\n');
    expect((await api.docker('images', '--format', '{{.Repository}}:{{.Tag}}')).stdout).toBe('shoal-test:1\n');
    expect((await api.docker('rm', '-f', 'first', 'second')).code).toBe(0);
  });

  test('an engine that answers and closes at once is not taken for a broken one', async () => {
    await api.docker('run', '-d', '--name', 'third', 'shoal-test:1', 'sleep', '300');
    // The race is lost about every second time; a dozen tries show it.
    for (let i = 0; i < 12; i++) expect(await api.docker('exec', 'third', 'echo', String(i))).toEqual({ code: 0, stdout: `${i}\n`, stderr: '' });
    expect((await api.docker('rm', '-f', 'third')).code).toBe(0);
  });

  test('a terminal is hijacked both ways', async () => {
    const command = `docker -H unix://${api.socketPath} run --rm -it shoal-test:1 sh`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until(
      () => output.includes('#'),
      20_000,
      () => output,
    );
    child.stdin.write('echo $((40+2))-$(tty)\nexit 5\n');
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(output).toContain('42-/dev/pts/0');
    expect(code).toBe(5);
  });

  test('large bodies stream in both directions: build, save, load', async () => {
    await api.file('Dockerfile', 'FROM shoal-test:1\nCOPY big /big\nRUN wc -c /big\n');
    await api.file('big', 'x'.repeat(8_000_000));
    const build = await api.docker('build', '-t', 'built:1', api.folder);
    expect(build.stdout + build.stderr).toContain('8000000 /big');
    expect(build.code).toBe(0);
    const saved = `${api.folder}/image.tar`;
    expect((await api.docker('save', '-o', saved, 'built:1')).code).toBe(0);
    await api.docker('rmi', 'built:1');
    expect((await api.docker('load', '-i', saved)).stdout).toContain('Loaded image: built:1');
  });

  test('the engine refuses in its own words', async () => {
    const result = await api.docker('inspect', 'container', 'nobody');
    expect(result.code).toBe(1);
    expect(await api.http('GET', '/v1.41/containers/nobody/json')).toMatchObject({ status: 404, json: { message: 'No such container: nobody' } });
    expect((await api.http('GET', '/v1.41/nonsense')).json).toEqual({ message: 'page not found' });
    expect((await api.http('GET', '/v1.41/events?filters={"foo":["x"]}')).status).toBe(400);
  });

  test('networks of both sides are listed; those that stand for cluster networks are hidden and spared', async () => {
    host.docker(['network', 'create', '--label', 'shoal.network.id=n1', 'stack_net']);
    host.docker(['network', 'create', 'plain']);
    await api.docker('network', 'create', '-d', 'overlay', 'unused');
    const names = (await api.docker('network', 'ls', '--format', '{{.Name}} {{.Scope}}')).stdout.trim().split('\n').toSorted();
    expect(names).toEqual(['bridge local', 'host local', 'ingress swarm', 'none local', 'plain local', 'unused swarm']);
    expect((await api.docker('network', 'create', 'fresh')).code).toBe(0);
    expect((await api.docker('network', 'inspect', '-f', '{{.Driver}}', 'fresh')).stdout).toBe('bridge\n');
    const refused = await api.docker('service', 'create', '-d', '--name', 'x', '--network', 'plain', 'shoal-test:1');
    expect(refused.stderr).toContain('network plain not found');
    const body = { Name: 'x', TaskTemplate: { ContainerSpec: { Image: 'x' }, Networks: [{ Target: 'plain' }] } };
    const direct = await api.http('POST', '/services/create', body);
    expect(direct.status).toBe(403);
    expect(direct.json.message).toMatch(/^The network plain cannot be used with services\./);
    const pruned = await api.http('POST', '/networks/prune');
    expect(pruned.json.NetworksDeleted.toSorted()).toEqual(['fresh', 'plain', 'unused']);
    expect(host.docker(['network', 'ls', '-q', '-f', 'name=stack_net'])).not.toBe('');
    expect((await api.docker('network', 'rm', 'nobody')).stderr).toMatch(/network nobody not found/i);
  });

  test('events of the engine and of the cluster come in one stream', async () => {
    const child = spawn('docker', ['-H', `unix://${api.socketPath}`, 'events', '--format', '{{.Scope}} {{.Type}} {{.Action}} {{.Actor.Attributes.name}}'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    // The stream gives no sign of being open, so something is done until it shows.
    let round = 0;
    await until(
      () => {
        if (!output.includes('local volume create')) host.docker(['volume', 'create', `v${round++}`]);
        return output.includes('local volume create');
      },
      20_000,
      () => output,
    );
    await api.docker('config', 'create', 'seen', api.socketPath.replace('shoal.sock', 'Dockerfile'));
    await api.docker('config', 'rm', 'seen');
    await until(
      () => output.includes('swarm config remove seen'),
      20_000,
      () => output,
    );
    expect(output).toContain('swarm config create seen');
    child.kill();
    await new Promise((resolve) => child.once('exit', resolve));
  });
});
