/** Whose a stack is, with real containers: deploys and removals by hand over a repository's stack, suspending, adopting, and a deploy that another one overtakes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostDaemon } from '#test/support/daemon';
import { GitRepository } from '#test/support/git-repository';
import { type Host, loadImage, startHost, stays, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-owner:1';
const limitMs = 60_000;

const stack = (version: string, more = ''): string =>
  `services:\n  web:\n    image: ${image}\n    init: true\n    environment: { VERSION: "${version}" }\n    stop_grace_period: 1s\n${more}`;

describe.skipIf(reason !== undefined)(reason ? `ownership (skipped: ${reason})` : 'ownership', () => {
  let host: Host;
  let daemon: HostDaemon;
  const repository = new GitRepository();

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, image, { command: stays });
    daemon = new HostDaemon(host);
    await daemon.start();
    await daemon.ask('swarm', 'init', '--advertise-addr', '127.0.0.1');
    repository.commit({ 'stacks/site/compose.yml': stack('git') });
    await daemon.ask('repo', 'add', 'infra', repository.folder);
    await daemon.ask('repo', 'sync', 'infra', '--wait');
  });

  afterAll(async () => {
    await daemon?.remove();
    await host?.stop();
    repository.remove();
  });

  /** VERSION of the running containers of a stack's service. */
  function running(service: string): string[] {
    const ids = host
      .docker(['ps', '-q', '--filter', `label=com.docker.swarm.service.name=${service}`])
      .split('\n')
      .filter(Boolean);
    return ids.map((id) => /VERSION=(\S+)/.exec(host.docker(['inspect', '-f', '{{join .Config.Env " "}}', id]))?.[1] ?? '');
  }

  async function runs(service: string, version: string): Promise<void> {
    const fits = (): boolean => {
      try {
        return running(service).join() === version;
      } catch {
        // One of them went between the two looks.
        return false;
      }
    };
    await until(fits, limitMs, () => `${running(service).join()}, not ${version}\n${daemon.lastLog()}`);
  }

  test('a deploy by hand over a repository’s stack takes a word, and is reverted', async () => {
    await runs('site_web', 'git');
    const refused = await daemon.deploy('site', stack('hand'), ['--detach']);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('stack site belongs to stacks/site of repository infra')]);
    expect(running('site_web')).toEqual(['git']);
    const forced = await daemon.deploy('site', stack('hand'), ['--detach', '--force']);
    expect([forced.code, forced.stderr]).toEqual([0, expect.stringMatching(/repository infra/)]);
    await runs('site_web', 'git');
  });

  test('while it is suspended a change by hand stays, and goes when it is resumed', async () => {
    await daemon.ask('stack', 'suspend', 'site');
    expect((await daemon.deploy('site', stack('hand'), ['--detach', '--force'])).code).toBe(0);
    await runs('site_web', 'hand');
    await daemon.ask('repo', 'sync', 'infra');
    expect(running('site_web')).toEqual(['hand']);
    expect(await daemon.ask('stack', 'ls', '--format', '{{.Flags}}')).toContain('suspended');
    await daemon.ask('stack', 'resume', 'site');
    await runs('site_web', 'git');
  });

  test('it is removed by hand only with a word, and comes back', async () => {
    const refused = await daemon.run(['stack', 'rm', 'site']);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('repository infra, which would bring it back')]);
    const forced = await daemon.run(['stack', 'rm', '--force', 'site']);
    expect([forced.code, forced.stderr]).toEqual([0, expect.stringContaining('belongs to repository infra, which brings it back')]);
    await runs('site_web', 'git');
  });

  test('a stack that was deployed by hand is the repository’s when it is adopted', async () => {
    expect((await daemon.deploy('own', stack('hand'), ['--detach'])).code).toBe(0);
    await runs('own_web', 'hand');
    repository.commit({ 'stacks/own/compose.yml': stack('git') });
    const held = await daemon.run(['repo', 'sync', 'infra']);
    expect([held.code, held.stdout + held.stderr]).toEqual([1, expect.stringContaining('shoal stack adopt own')]);
    expect(running('own_web')).toEqual(['hand']);
    await daemon.ask('stack', 'adopt', '--yes', 'own');
    await runs('own_web', 'git');
  });

  test('a deploy that another one overtakes ends with a code of its own, and says by what', async () => {
    const first = daemon.deploy('race', stack('one', '    deploy: { placement: { constraints: [node.labels.never == x] } }\n'), ['--timeout', '80s']);
    await until(
      async () => (await daemon.docker(['service', 'inspect', 'race_web'])).code === 0,
      limitMs,
      () => daemon.lastLog(),
    );
    expect((await daemon.deploy('race', stack('two'), ['--timeout', '80s'])).code).toBe(0);
    const { code, stderr } = await first;
    expect([code, stderr]).toEqual([5, expect.stringContaining('another deploy of its stack')]);
    await runs('race_web', 'two');
  }, 180_000);
});
