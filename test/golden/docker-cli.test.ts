/** What the unmodified docker CLI prints when it drives us; the texts are those it prints over dockerd. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeAll(async () => void (api = await startApi()));
afterAll(() => api.stop());

const registryWarning = (image: string) =>
  `image ${image} could not be accessed on a registry to record\nits digest. Each node will access ${image} independently,\npossibly leading to different nodes running different\nversions of the image.\n\n`;
const detachAdvice =
  'Since --detach=false was not specified, tasks will be created in the background.\nIn a future release, --detach=false will become the default.\n';

/** The CLI's output with ids, and times, replaced: they are different each time. */
async function docker(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await api.docker(...args);
  const stable = (text: string) =>
    text
      .replaceAll(/\b(?=[a-z]*\d)[a-z0-9]{25}\b/g, 'ID25')
      .replaceAll(/\b(?=[a-z]*\d)[a-z0-9]{12}\b/g, 'ID12        '.slice(0, 12))
      .replaceAll(/\d+ (second|minute|hour|day|week|month|year)s? ago|About (a|an) \w+ ago/g, 'AGO')
      .replaceAll(api.folder, 'FOLDER')
      .replaceAll(/ +$/gm, '');
  return { code, stdout: stable(stdout), stderr: stable(stderr) };
}

test('services: create waits, then ls, ps, scale, update, rollback, rm', async () => {
  const create = await docker('service', 'create', '--name', 'web', '--replicas', '2', '--update-monitor', '50ms', 'x:1');
  expect(create.code).toBe(0);
  expect(create.stdout).toMatch(/^ID25\noverall progress: 0 out of 2 tasks\n/);
  expect(create.stdout).toContain('verify: Service ID25 converged\n');
  expect(create.stderr).toBe(registryWarning('x:1'));
  expect((await docker('service', 'ls')).stdout).toBe(
    'ID             NAME      MODE         REPLICAS   IMAGE     PORTS\nID12           web       replicated   2/2        x:1\n',
  );
  expect((await docker('service', 'ps', '--format', '{{.Name}} {{.Image}} {{.Node}} {{.DesiredState}}', 'web')).stdout).toBe(
    'web.1 x:1 one Running\nweb.2 x:1 one Running\n',
  );
  expect(await docker('service', 'scale', '-d', 'web=3', 'nobody=1')).toEqual({ code: 1, stdout: 'web scaled to 3\n', stderr: 'nobody: Error response from daemon: service nobody not found\n' });
  expect((await docker('service', 'update', '-d', '--no-resolve-image', '--image', 'x:2', '--label-add', 'a=b', 'web')).stdout).toBe('web\n');
  expect((await docker('service', 'inspect', '-f', '{{.Spec.TaskTemplate.ContainerSpec.Image}} {{.PreviousSpec.TaskTemplate.ContainerSpec.Image}}', 'web')).stdout).toBe('x:2 x:1\n');
  const rollback = await docker('service', 'rollback', 'web');
  expect(rollback.stdout).toContain('rollback: manually requested rollback\n');
  expect(rollback.stdout).toContain('verify: Service web converged\n');
  expect(await docker('service', 'rm', 'web', 'nobody')).toEqual({ code: 1, stdout: 'web\n', stderr: 'Error response from daemon: service nobody not found\n' });
  expect(await docker('service', 'inspect', 'web')).toEqual({ code: 1, stdout: '[]\n', stderr: 'Error: no such service: web\n' });
  expect(await docker('service', 'ps', 'web')).toEqual({ code: 1, stdout: '', stderr: 'no such service: web\n' });
  expect(await docker('service', 'logs', 'web')).toEqual({ code: 1, stdout: '', stderr: 'no such task or service: web\n' });
});

test('a stack: deploy, deploy again, ls, services, ps, rm', async () => {
  await api.file('password.txt', 'canary');
  const file = await api.file(
    'stack.yml',
    `
services:
  front:
    image: x:1
    networks: [back]
    secrets: [password]
    configs: [{source: settings, target: /etc/settings}]
    deploy: {replicas: 2, labels: {team: a}, placement: {constraints: ["node.role == manager"]}}
    healthcheck: {test: ["CMD", "true"], start_interval: 1s}
  agent:
    image: y:1
    deploy: {mode: global}
networks: {back: {attachable: true}}
secrets: {password: {file: ./password.txt}}
configs: {settings: {file: ./password.txt}}
`,
  );
  const first = await docker('stack', 'deploy', '-c', file, 'st');
  expect([first.code, first.stderr]).toEqual([0, detachAdvice]);
  expect(first.stdout.split('\n').toSorted()).toEqual(
    ['', 'Creating config st_settings', 'Creating network st_back', 'Creating network st_default', 'Creating secret st_password', 'Creating service st_agent', 'Creating service st_front'].toSorted(),
  );
  const second = await docker('stack', 'deploy', '--resolve-image', 'never', '-c', file, 'st');
  expect([second.code, second.stdout.split('\n').toSorted().slice(1)]).toEqual([0, ['Updating service st_agent (id: ID25)', 'Updating service st_front (id: ID25)']]);
  expect((await docker('stack', 'ls')).stdout).toBe('NAME      SERVICES\nst        2\n');
  expect((await docker('stack', 'services', '--format', '{{.Name}} {{.Mode}} {{.Replicas}} {{.Image}}', 'st')).stdout.split('\n').toSorted()).toEqual([
    '',
    'st_agent global 1/1 y:1',
    'st_front replicated 2/2 x:1',
  ]);
  expect((await docker('stack', 'ps', '--format', '{{.Name}} {{.CurrentState}}', 'st')).stdout.split('\n').filter((line) => line.startsWith('st_front.'))).toHaveLength(2);
  expect((await docker('secret', 'rm', 'st_password')).stderr).toBe(
    "Error response from daemon: rpc error: code = InvalidArgument desc = secret 'st_password' is in use by the following service: st_front\n",
  );
  const removed = await docker('stack', 'rm', 'st');
  expect([removed.code, removed.stderr]).toEqual([0, '']);
  expect(removed.stdout.split('\n').toSorted().slice(1)).toEqual(
    ['Removing config st_settings', 'Removing network st_back', 'Removing network st_default', 'Removing secret st_password', 'Removing service st_agent', 'Removing service st_front'].toSorted(),
  );
  expect(await docker('stack', 'ps', 'st')).toEqual({ code: 1, stdout: '', stderr: 'nothing found in stack: st\n' });
});

test('a service with our extensions comes unharmed through the CLI, which knows nothing of them', async () => {
  const ContainerSpec = { Image: 'x:1', Env: ['A=1'], Shoal: { ShmSize: 64 } };
  const Spec = { Name: 'ext', Services: [{ Name: 'ext_web', TaskTemplate: { ContainerSpec }, EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8099 }] } }] };
  expect((await api.http('POST', '/shoal/v1/stacks/ext', { Spec })).status).toBe(200);
  const before = api.cluster.store.byName('service', 'ext_web')?.Spec;
  expect((await docker('service', 'update', '-d', '--label-add', 'a=b', '--replicas', '3', 'ext_web')).stdout).toBe('ext_web\n');
  const after = api.cluster.store.byName('service', 'ext_web')?.Spec;
  expect(after).toMatchObject({ Mode: { Replicated: { Replicas: 3 } }, Labels: { a: 'b' } });
  expect([after?.TaskTemplate, after?.EndpointSpec]).toEqual([before?.TaskTemplate, before?.EndpointSpec]);
  expect((await docker('stack', 'rm', 'ext')).code).toBe(0);
});

test('secrets, configs, networks', async () => {
  const file = await api.file('data', 'canary');
  expect((await docker('secret', 'create', '-l', 'a=b', 'key', file)).stdout).toBe('ID25\n');
  expect(await docker('secret', 'create', 'key', file)).toMatchObject({ code: 1, stderr: 'Error response from daemon: rpc error: code = AlreadyExists desc = secret key already exists\n' });
  expect((await docker('secret', 'ls', '--format', '{{.ID}} {{.Name}} {{.Driver}} {{.CreatedAt}} {{.UpdatedAt}} {{.Labels}}')).stdout).toBe('ID25 key  AGO AGO a=b\n');
  expect((await docker('config', 'create', 'conf', file)).code).toBe(0);
  expect((await docker('config', 'inspect', '-f', '{{printf "%s" .Spec.Data}}', 'conf')).stdout).toBe('canary\n');
  expect(await docker('secret', 'rm', 'key', 'nobody')).toEqual({ code: 1, stdout: 'key\n', stderr: 'Error response from daemon: secret nobody not found\n' });
  expect((await docker('network', 'create', '-d', 'overlay', '--subnet', '10.77.0.0/24', 'net')).stdout).toBe('ID25\n');
  expect((await docker('network', 'inspect', '-f', '{{.Scope}} {{(index .IPAM.Config 0).Subnet}}', 'net')).stdout).toBe('swarm 10.77.0.0/24\n');
  expect((await docker('network', 'create', '-d', 'overlay', 'net')).stderr).toBe('Error response from daemon: network with name net already exists\n');
  expect((await docker('network', 'rm', 'net')).stdout).toBe('net\n');
});

test('nodes', async () => {
  expect((await docker('node', 'ls', '--format', '{{.ID}} {{.Self}} {{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}} {{.TLSStatus}}')).stdout).toBe(
    'node-one true one Ready Active Leader Unknown\n',
  );
  expect((await docker('node', 'update', '--availability', 'pause', '--label-add', 'zone=a', 'self')).stderr).toMatch(/node self not found/);
  expect((await docker('node', 'update', '--availability', 'pause', '--label-add', 'zone=a', 'one')).stdout).toBe('one\n');
  expect((await docker('node', 'inspect', '-f', '{{.Spec.Availability}} {{.Spec.Labels.zone}}', 'self')).stdout).toBe('pause a\n');
  expect((await docker('node', 'promote', 'one')).stdout).toContain('already a manager');
  expect((await docker('node', 'demote', 'one')).stderr).toContain('attempting to demote the last manager of the swarm');
});

test('a node without a cluster: the same words as over dockerd', async () => {
  expect((await docker('swarm', 'leave')).stderr).toMatch(/^Error response from daemon: You are attempting to leave the swarm on a node that is participating as a manager\./);
  expect((await docker('swarm', 'leave', '--force')).stdout).toBe('Node left the swarm.\n');
  const text = 'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.\n';
  expect((await docker('service', 'ls')).stderr).toBe(`Error response from daemon: ${text}`);
  const file = await api.file('one.yml', 'services: {a: {image: x}}\n');
  expect((await docker('stack', 'deploy', '-c', file, 'st')).stderr).toBe(`${detachAdvice}${text.replace('This', 'this').replace('again.', 'again')}`);
  expect((await docker('swarm', 'init')).stdout).toMatch(/^Swarm initialized: current node \(node-one\) is now a manager\.\n/);
});
