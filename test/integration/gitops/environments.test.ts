/** One repository for several environments: what is laid over its stack files, and the variables that they are rendered with. */
import { expect, test } from 'vitest';
import { updateRepository } from '#control/repository/repositories';
import { Following, GitRepository, stackFile } from '#test/support/git-repository';

test('an environment lays its files over, variables win, and what comes later is seen', { timeout: 60_000 }, async () => {
  const repository = new GitRepository();
  const following = await new Following().start();
  try {
    repository.commit({
      'stacks/a/compose.yml': stackFile('app:${TAG:-none}', '    environment: { MODE: "${MODE:-none}" }\n'),
      'stacks/a/.env': 'TAG=base\nMODE=base\n',
      'stacks/a/.env.prod': 'MODE=prod\n',
      'stacks/b/compose.yml': stackFile('app:b'),
    });
    const web = () => following.cluster.store.byName('service', 'a_web')?.Spec;
    expect(await following.add(repository.folder, { Environment: 'prod' })).toMatchObject({ State: 'synced' });
    expect(web()?.TaskTemplate.ContainerSpec).toMatchObject({ Image: 'app:base', Env: ['MODE=prod'] });
    repository.commit({ 'stacks/a/compose.prod.yml': 'services:\n  web:\n    deploy: { replicas: 3 }\n' });
    expect(await following.sync()).toMatchObject({ State: 'synced' });
    expect(web()).toMatchObject({ Mode: { Replicated: { Replicas: 3 } }, TaskTemplate: { ContainerSpec: { Image: 'app:base' } } });
    following.cluster.run(updateRepository('infra', { Variables: { TAG: 'set' } }));
    expect(await following.sync()).toMatchObject({ State: 'synced' });
    expect(following.image('a_web')).toBe('app:set');
    repository.commit({ 'stacks/a/compose.prod.yml': 'services:\n  web:\n    nonsense: 1\n' });
    expect((await following.sync()).Refused?.['a']?.join()).toContain('stacks/a/compose.prod.yml:3');
    following.cluster.run(updateRepository('infra', { Environment: '', Unset: ['TAG'] }));
    expect(await following.sync()).toMatchObject({ State: 'synced' });
    expect(web()?.TaskTemplate.ContainerSpec).toMatchObject({ Image: 'app:base', Env: ['MODE=base'] });
    for (const Environment of ['../x', 'a/b', '.'])
      expect(() => following.cluster.run(updateRepository('infra', { Environment }))).toThrow('no name of an environment');
    expect(() => following.cluster.run(updateRepository('infra', { Unset: ['TAG'] }))).toThrow('has no variable TAG');
    expect(() => following.cluster.run(updateRepository('infra', { Variables: { 'a b': 'x' } }))).toThrow('no name of a variable');
  } finally {
    await following.stop();
    repository.remove();
  }
});
