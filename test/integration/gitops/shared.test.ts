/** Secrets and configs that a repository's stacks share: one file, a version for each who uses it, and nobody else rolls. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFile } from '#control/secrets-and-configs';
import { sealingFor } from '#control/repository/repository-sealing';
import { sealingOf } from '#control/sealing';
import { Following, GitRepository, within } from '#test/support/git-repository';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';
import { ageFile } from '#test/support/sealed-files';

let repository: GitRepository;
let following: Following;

beforeEach(async () => {
  repository = new GitRepository();
  following = await new Following(initialisedCluster({ clock: realClock, stages: [instantly] })).start();
});

afterEach(async () => {
  await following.stop();
  repository.remove();
});

const user = `services:
  web: { image: "app:1", secrets: [db], configs: [page] }
secrets: { db: { external: true, name: db_password } }
configs: { page: { external: true } }
`;
const other = 'services: { web: { image: "app:1", configs: [page] } }\nconfigs: { page: { external: true } }\n';
const store = () => following.cluster.store;
const files = (): string[] => [...store().list('secret'), ...store().list('config')].map(({ Spec }) => Spec.Name).toSorted();
const versions = () => ['a_web', 'b_web'].map((name) => store().byName('service', name)?.Shoal.SpecVersion);
/** What a task of the service finds, by file name. */
function inside(service: string): Record<string, string> {
  const { Secrets = [], Configs = [] } = store().byName('service', service)?.Spec.TaskTemplate.ContainerSpec ?? {};
  const text = (data: string | undefined): string => Buffer.from(data ?? '', 'base64').toString();
  return Object.fromEntries([
    ...Secrets.map(({ File, SecretID }) => [File?.Name ?? '', text(store().get('secret', SecretID ?? '')?.Spec.Data)]),
    ...Configs.map(({ File, ConfigID }) => [File?.Name ?? '', text(store().get('config', ConfigID ?? '')?.Spec.Data)]),
  ]) as Record<string, string>;
}

test('a changed one is a new version for each who uses it, in one step, and the old one goes when nobody does', async () => {
  const sealing = sealingOf(store());
  const recipient = (sealing && sealingFor(sealing, 'infra').Recipient) ?? '';
  repository.commit({
    'secrets/db_password': await ageFile('secret-one', recipient),
    'configs/page': 'page one',
    'stacks/a/compose.yml': user,
    'stacks/b/compose.yml': other,
  });
  expect(await following.add(repository.folder)).toMatchObject({ State: 'synced' });
  expect([inside('a_web'), inside('b_web')]).toEqual([{ db: 'secret-one', page: 'page one' }, { page: 'page one' }]);
  expect(files()).toEqual(['a_db_password-1', 'a_page-1', 'b_page-1']);
  const [a = 0, b = 0] = versions();
  repository.commit({ 'secrets/db_password': await ageFile('secret-two', recipient) });
  await following.sync();
  expect(inside('a_web')).toEqual({ db: 'secret-two', page: 'page one' });
  expect(versions()).toEqual([a + 1, b]);
  repository.commit({ 'configs/page': 'page two' });
  await following.sync();
  expect([inside('a_web')['page'], inside('b_web')['page']]).toEqual(['page two', 'page two']);
  expect(versions()).toEqual([a + 2, b + 1]);
  repository.commit({ 'secrets/db_password': await ageFile('secret-three', recipient), 'configs/page': 'page three' });
  await following.sync();
  await within(
    30_000,
    () => files().every((name) => !name.endsWith('-1')),
    () => files().join(),
  );
  // A version that a service may still go back to stays; what nobody refers to is gone.
  repository.commit({ 'stacks/a/compose.yml': 'services: { web: { image: "app:2" } }' });
  await following.sync();
  repository.commit({ 'stacks/a/compose.yml': 'services: { web: { image: "app:3" } }' });
  await following.sync();
  expect(files().filter((name) => name.startsWith('a_'))).toEqual([]);
});

test('what has no file stays external, one that cannot be read refuses its users alone, and an empty one says where it is', async () => {
  repository.commit({ 'stacks/a/compose.yml': user, 'stacks/b/compose.yml': other, 'configs/page': 'page' });
  await following.add(repository.folder, { Trust: 'full' });
  expect(following.condition('a')?.Errors?.[0]).toContain('secret not found: db_password');
  following.cluster.run(createFile('secret', { Name: 'db_password', Data: Buffer.from('by hand').toString('base64') }));
  await following.sync();
  expect(inside('a_web')).toEqual({ db: 'by hand', page: 'page' });
  repository.commit({ 'secrets/db_password': await ageFile('for somebody else') });
  await following.sync();
  expect(following.condition('a')?.Errors?.[0]).toMatch(/^stacks\/a\/compose.yml: secrets\/db_password is encrypted with age and cannot be decrypted/);
  expect(following.condition('b')?.State).toBe('applied');
  expect(inside('a_web')['db']).toBe('by hand');
  repository.commit({ 'secrets/db_password': '' });
  await following.sync();
  expect(following.condition('a')?.Errors?.[0]).toMatch(/^(secrets\/db_password|stacks\/a.*): .*secret data must be larger than 0/);
});
