/** Every option that the unmodified docker CLI has for a network: carried out, and shown, or refused by name. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeAll(async () => void (api = await startApi()));
afterAll(() => api.stop());

const pool = '(index .IPAM.Config 0)';
const subnet = ['--subnet', '10.77.0.0/24'];

/** The option with its words; what `network inspect` shows of it, or how it is refused. */
const options: Readonly<Record<string, { words?: string[]; shown?: [format: string, text: string]; refused?: string }>> = {
  '--attachable': { shown: ['{{.Attachable}}', 'true'] },
  '--aux-address': { words: [...subnet, '--aux-address', 'router=10.77.0.9'], shown: [`{{${pool}.AuxiliaryAddresses}}`, 'map[router:10.77.0.9]'] },
  '--config-from': { words: ['--config-from', 'other'], refused: 'ConfigFrom is not supported: ' },
  '--config-only': { refused: 'ConfigOnly is not supported: ' },
  '--driver': { words: ['--driver', 'weave', '--scope', 'swarm'], refused: 'plugin "weave" not found' },
  '--gateway': { words: [...subnet, '--gateway', '10.77.0.7'], shown: [`{{${pool}.Gateway}}`, '10.77.0.7'] },
  '--ingress': { refused: 'is already present' },
  '--internal': { shown: ['{{.Internal}}', 'true'] },
  '--ip-range': { words: [...subnet, '--ip-range', '10.77.0.128/25'], shown: [`{{${pool}.IPRange}}`, '10.77.0.128/25'] },
  '--ipam-driver': { words: ['--ipam-driver', 'mine'], refused: 'IPAM.Driver mine is not supported: ' },
  '--ipam-opt': { words: ['--ipam-opt', 'a=b'], shown: ['{{.IPAM.Options}}', 'map[a:b]'] },
  '--ipv4': { words: ['--ipv4=false'], refused: 'EnableIPv4=false is not supported: ' },
  '--ipv6': { refused: 'EnableIPv6 is not supported: ' },
  '--label': { words: ['--label', 'a=b'], shown: ['{{.Labels}}', 'map[a:b]'] },
  '--opt': { words: ['--opt', 'com.docker.network.driver.mtu=1400'], shown: ['{{index .Options "com.docker.network.driver.mtu"}}', '1400'] },
  '--scope': { words: ['--scope', 'local'], refused: 'cannot downgrade network scope for overlay networks' },
  '--subnet': { words: [...subnet], shown: [`{{${pool}.Subnet}}`, '10.77.0.0/24'] },
};

const known = async (command: string): Promise<string[]> => {
  const { stdout } = await api.docker('network', command, '--help');
  return [...stdout.matchAll(/^ +(?:-\w, )?(--[a-z0-9-]+) /gm)].map(([, flag = '']) => flag).toSorted();
};

test('of network create all that the CLI offers is looked at here', async () => {
  expect(Object.keys(options)).toEqual(expect.arrayContaining(await known('create')));
});

test.each(Object.entries(options))('network create %s', async (flag, { words = [flag], shown, refused }) => {
  if (!(await known('create')).includes(flag)) return;
  const driver = words.includes('--driver') ? [] : ['-d', 'overlay'];
  const made = await api.docker('network', 'create', ...driver, ...words, 'tried');
  if (refused !== undefined) {
    expect([made.code, made.stderr]).toEqual([1, expect.stringContaining(refused)]);
    return;
  }
  expect([made.code, made.stderr]).toEqual([0, '']);
  const [format = '', text] = shown ?? [];
  expect((await api.docker('network', 'inspect', '-f', format, 'tried')).stdout.trim()).toBe(text);
  expect((await api.docker('network', 'rm', 'tried')).code).toBe(0);
});

test('ls, inspect and prune, with each of their options', async () => {
  const { stdout } = await api.docker('network', 'create', '-d', 'overlay', '--label', 'a=b', 'listed');
  const id = stdout.trim();
  const ls = async (...words: string[]): Promise<string> => (await api.docker('network', 'ls', ...words)).stdout;
  expect(await known('ls')).toEqual(['--filter', '--format', '--no-trunc', '--quiet']);
  expect([await ls('--filter', 'label=a=b', '--format', '{{.Name}}'), await ls('--filter', 'label=a=c', '-q')]).toEqual(['listed\n', '']);
  expect([await ls('--no-trunc', '-q', '--filter', 'name=listed'), await ls('-q', '--filter', 'name=listed')]).toEqual([`${id}\n`, `${id.slice(0, 12)}\n`]);
  expect(await known('inspect')).toEqual(['--format', '--verbose']);
  expect((await api.docker('network', 'inspect', '--verbose', '-f', '{{json .Services}}', 'listed')).stdout.trim()).toMatch(/^(\{\}|null)$/);
  expect(await known('prune')).toEqual(['--filter', '--force']);
  expect((await api.docker('network', 'prune', '--force', '--filter', 'label=a=c')).stdout).not.toContain('listed');
  expect((await api.docker('network', 'prune', '--force', '--filter', 'label=a=b')).stdout).toContain('listed');
});
