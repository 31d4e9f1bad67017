/** Today's daemon takes over from one of the first version: nothing is lost, and the containers do not notice. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostDaemon } from '#test/support/daemon';
import { engineRecord, firstVersionObjects, unpackFirstVersion } from '#test/support/first-version';
import { type Host, loadImage, startHost, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const node = '0cx4expc8ktuosvnhcn07wyt4';

/** One request of the record, as the daemon of then made it. */
function replay(socketPath: string, path: string, body: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const call = request({ socketPath, path, method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => ((response.statusCode ?? 500) < 300 ? resolve() : reject(new Error(`${path}: ${response.statusCode} ${text}`))));
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

describe.skipIf(reason !== undefined)(reason ? `a node of the first version (skipped: ${reason})` : 'a node of the first version', () => {
  let host: Host;
  let daemon: HostDaemon;
  let repository: string;

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, 'shoal-fixture:1');
    unpackFirstVersion(host.folder);
    repository = join(host.folder, 'repository');
    const script = [
      'mount -t tmpfs none /var/lib',
      'mkdir /var/lib/shoal /var/lib/stacks',
      `mount --bind ${host.folder}/state /var/lib/shoal`,
      `mount --bind ${repository} /var/lib/stacks`,
      'exec "$@"',
    ].join(' && ');
    daemon = new HostDaemon(host, 'first', ['--state', '/var/lib/shoal'], ['unshare', '--mount', 'sh', '-c', script, 'sh']);
    const { files, requests } = engineRecord();
    for (const { path, mode, text } of files) {
      const file = join(daemon.runFolder, path);
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(file, text, { mode });
    }
    for (const { path, body } of requests) {
      const here: unknown = body === undefined ? undefined : JSON.parse(JSON.stringify(body).replaceAll('{{RUN}}', daemon.runFolder));
      await replay(host.socket, path, here);
    }
  });

  afterAll(async () => {
    await daemon?.remove();
    await host?.stop();
  });

  const containers = (): string[] =>
    host
      .docker(['ps', '-q', '--no-trunc'])
      .split('\n')
      .filter(Boolean)
      .map((id) => host.docker(['inspect', '-f', '{{.Name}} {{.Id}} {{.State.StartedAt}} {{.RestartCount}}', id]).trim())
      .toSorted();
  const replicas = async (): Promise<string> => (await daemon.ask('service', 'ls', '--format', '{{.Name}} {{.Replicas}}')).split('\n').toSorted().join('; ');
  const asItWas = 'blog_page 1/1; broken 0/1; everywhere 1/1; mail_out 1/1; nowhere 0/1; once 0/1 (1/1 completed); shop_front 2/2; shop_store 1/1; web 3/3';
  /** The rules that lead to the tasks may come a moment after the tasks are seen. */
  const answers = (port: number, path: string, text: string): Promise<void> =>
    until(
      () => host.run(['sh', '-c', `timeout 5 busybox wget -q -O - http://127.0.0.1:${port}/${path} || true`]).trim() === text,
      20_000,
      () => `${port} does not answer "${text}"\n${daemon.lastLog()}`,
    );

  test('runs on under today’s daemon, twice started: same containers, same objects, same answers', async () => {
    const before = containers();
    expect(before).toHaveLength(9);
    const networks = host.docker(['network', 'ls', '-q', '--no-trunc']).split('\n').toSorted();
    for (let life = 1; life <= 2; life++) {
      await daemon.start();
      await until(
        async () => (await replicas()) === asItWas && (await daemon.ask('node', 'ls', '--format', '{{.Status}}')) === 'Ready',
        60_000,
        () => daemon.lastLog(),
      );
      await daemon.ask('repo', 'sync', 'infra');
      expect(await daemon.ask('node', 'inspect', 'self', '--format', '{{.ID}} {{.Spec.Labels.rack}}')).toBe(`${node} a`);
      await answers(8099, 'greeting.html', 'good day');
      await answers(8098, '', 'shop two');
      const objects = firstVersionObjects();
      for (const kind of ['secret', 'config'] as const) {
        const names = (await daemon.ask(kind, 'ls', '--format', '{{.Name}}')).split('\n').toSorted();
        expect(names).toEqual(objects[kind].map((each) => each.Spec.Name).toSorted());
      }
      expect((await daemon.ask('stack', 'ls', '--format', '{{.Name}}')).split('\n').toSorted()).toEqual(['blog', 'mail', 'shop']);
      expect(containers(), daemon.lastLog()).toEqual(before);
      expect(host.docker(['network', 'ls', '-q', '--no-trunc']).split('\n').toSorted()).toEqual(networks);
      await (life === 1 ? daemon.kill() : daemon.stop());
    }
  }, 180_000);

  test('and goes on: a secret of then reaches a new task, a commit is followed, the rest stays', async () => {
    const before = containers();
    await daemon.start();
    await daemon.ask('service', 'scale', 'web=4');
    const added = host.docker(['ps', '-q', '--filter', 'name=web.4.']).trim();
    expect(host.docker(['exec', added, 'cat', '/run/secrets/password'])).toBe('of the founding\n');
    writeFileSync(join(repository, 'stacks/blog/text.html'), 'blog three\n');
    const settings = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'safe.directory=*'];
    execFileSync('git', [...settings, '-C', repository, 'commit', '-qam', 'three']);
    await until(
      () =>
        host
          .docker(['ps', '-q', '--filter', 'name=blog_page.1.'])
          .split('\n')
          .filter(Boolean)
          .some((id) => pageOf(id) === 'blog three\n'),
      60_000,
      () => daemon.lastLog(),
    );
    const others = (list: readonly string[]): string[] => list.filter((line) => !/^\/(web\.4|blog_page)\./.test(line));
    expect(others(containers())).toEqual(others(before));
  }, 180_000);

  function pageOf(id: string): string {
    try {
      return host.docker(['exec', id, 'cat', '/www/index.html']);
    } catch {
      return '';
    }
  }
});
