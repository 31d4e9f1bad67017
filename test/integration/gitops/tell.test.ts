/** Forges, chats and webhooks hear what became of a commit: once, in their own words, over a real HTTP server, and also after a restart. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addTarget, removeTarget } from '#control/repository/notify';
import type { NotifyTarget } from '#model/git/notify';
import { Following, GitRepository, stackFile, within } from '#test/support/git-repository';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';

interface Heard {
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
  body: Record<string, string> & { commits?: object[] };
}

let repository: GitRepository;
let following: Following;
let server: Server;
let url: string;
let heard: Heard[];
/** What is answered. */
let status: number;

beforeEach(async () => {
  repository = new GitRepository();
  following = await new Following(initialisedCluster({ clock: realClock, stages: [instantly] })).start();
  heard = [];
  status = 201;
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      heard.push({ path: request.url ?? '', headers: request.headers, text, body: JSON.parse(text) as Heard['body'] });
      response.writeHead(status, status === 302 ? { Location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await following.stop();
  repository.remove();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});

const tell = (target: Omit<NotifyTarget, 'ID' | 'URL'> & { URL?: string }): string =>
  following.cluster.run(addTarget('infra', { URL: `${url}/${target.Kind}`, ...target })).ID;
const at = (place: string): Heard[] => heard.filter(({ path }) => path.startsWith(place));
const outbox = () => following.cluster.store.byName('repository', 'infra')?.Outbox ?? [];
const seen = (condition: () => boolean) => within(30_000, condition, () => JSON.stringify([heard, outbox(), following.logged.slice(-5)]));

test('each hears of a commit in its own words, with what it knows it by; a failure and its end are said once each', async () => {
  const first = repository.commit({ 'stacks/a/compose.yml': stackFile('app:1') });
  await following.add(repository.folder);
  for (const Kind of ['github', 'gitlab', 'gitea'] as const) tell({ Kind, Project: 'team/stacks', Secret: `token-${Kind}` });
  tell({ Kind: 'slack' });
  tell({ Kind: 'webhook', Secret: 'a key' });
  await seen(() => at('/slack').length > 0 && at('/webhook').length > 0 && outbox().length === 0);
  const last = (place: string) => at(place).at(-1);
  expect(last(`/github/repos/team/stacks/statuses/${first}`)?.body).toEqual({
    state: 'success',
    context: 'shoal/infra',
    description: `1 stack as commit ${first.slice(0, 12)} wants them; a: new in the repository`,
  });
  expect(last('/github')?.headers.authorization).toBe('Bearer token-github');
  expect(last(`/gitlab/projects/team%2Fstacks/statuses/${first}`)?.body).toMatchObject({ state: 'success', name: 'shoal/infra' });
  expect(last('/gitlab')?.headers['private-token']).toBe('token-gitlab');
  expect(last(`/gitea/repos/team/stacks/statuses/${first}`)?.headers.authorization).toBe('token token-gitea');
  expect(last('/slack')?.body['text']).toMatch(/^✔ infra at [0-9a-f]{12}: success: 1 stack/);
  const signature = createHmac('sha256', 'a key')
    .update(last('/webhook')?.text ?? '')
    .digest('hex');
  expect(last('/webhook')?.headers['x-shoal-signature']).toBe(`sha256=${signature}`);
  const second = repository.commit({ 'stacks/a/compose.yml': stackFile('bad:2') });
  await following.sync();
  await seen(() => last('/webhook')?.body['state'] === 'failure');
  expect(last('/webhook')?.body).toMatchObject({
    commit: second,
    repository: 'infra',
    message: expect.stringMatching(/^a: refused: rolled back to revision 1/) as string,
    since: first,
    commits: [{ id: second, subject: 'change', author: 't' }],
    stacks: [
      {
        name: 'a',
        changes: ['a_web TaskTemplate.ContainerSpec.Image: "app:1" → "bad:2"'],
        failed: expect.stringMatching(/^refused: rolled back to revision 1 \(commit [0-9a-f]{12}\): /) as string,
        runs: first,
      },
    ],
  });
  await seen(() => last(`/gitlab/projects/team%2Fstacks/statuses/${second}`)?.body['state'] === 'failed');
  for (let look = 0; look < 3; look++) await following.sync();
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:3') });
  await following.sync();
  await seen(() => last('/webhook')?.body['state'] === 'success' && outbox().length === 0);
  expect(at('/webhook').map(({ body }) => body['state'])).toEqual(['success', 'failure', 'success']);
  expect(at('/slack')).toHaveLength(3);
  // What failed was never well: what comes after it brings both.
  expect(last('/webhook')?.body.commits).toHaveLength(2);
  expect(last('/slack')?.body['text']).toMatch(
    /^✔ .*\nsince [0-9a-f]{12}:\n• `[0-9a-f]{12} change \(t\)`\n• .*\n`a: a_web TaskTemplate.ContainerSpec.Image: "app:1" → "app:3"`$/,
  );
});

test('of many commits some are told and the others counted; a text of a commit calls nobody; what was rewritten is told to be, also after a restart', async () => {
  const first = repository.commit({ 'stacks/a/compose.yml': stackFile('app:1') });
  await following.add(repository.folder);
  tell({ Kind: 'webhook' });
  tell({ Kind: 'slack' });
  await seen(() => at('/slack').length === 1 && outbox().length === 0);
  for (let number = 0; number < 11; number++) repository.commit({});
  repository.git('commit', '--quiet', '--allow-empty', '-m', `<!channel> @here & ${'x'.repeat(5000)}`);
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
  await following.sync();
  await seen(() => at('/slack').length === 2 && outbox().length === 0);
  expect(at('/webhook')[1]?.body).toMatchObject({ since: first, moreCommits: 3 });
  expect(at('/webhook')[1]?.body.commits).toHaveLength(10);
  expect(at('/slack')[1]?.body['text']).toMatch(/\n• `[0-9a-f]{12} &lt;!channel&gt; @\u200bhere &amp; x{60,90}\.\. \(t\)`\n/);
  expect(at('/slack')[1]?.body['text']).toContain('\nand 3 more\n');
  repository.git('reset', '--quiet', '--hard', first);
  const other = repository.commit({ 'stacks/a/compose.yml': stackFile('app:3') });
  await following.restart();
  await seen(() => at('/slack').length === 3 && outbox().length === 0);
  expect(at('/webhook')[2]?.body).toMatchObject({ commit: other, rewritten: true, commits: [{ id: other }] });
  expect(at('/slack')[2]?.body['text']).toMatch(/\nthe history was rewritten: it does not come after [0-9a-f]{12}\n/);
  await following.restart();
  await following.sync();
  expect([at('/slack').length, at('/webhook').length, outbox().length]).toEqual([3, 3, 0]);
});

test('what is not taken waits in the store and is said after a restart; what never will be is given up, and no result changes', async () => {
  status = 503;
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:1') });
  await following.add(repository.folder);
  tell({ Kind: 'webhook' });
  await seen(() => heard.length > 0);
  expect(outbox()).toHaveLength(1);
  expect(following.status().State).toBe('synced');
  status = 200;
  await following.restart();
  await seen(() => outbox().length === 0);
  expect(heard.map(({ body }) => body['id'])).toEqual([heard[0]?.body['id'], heard[0]?.body['id']]);
  // A redirect is not followed: what a token was given for is one place.
  status = 302;
  const gone = tell({ Kind: 'gitea', Project: 'a/b', Secret: 'x' });
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:2') });
  await following.sync();
  await seen(() => at('/gitea').length > 0 && outbox().length === 0);
  expect(at('/elsewhere')).toEqual([]);
  expect(following.image('a_web')).toBe('app:2');
  following.cluster.run(removeTarget('infra', gone.slice(0, 6)));
  expect(following.cluster.store.byName('repository', 'infra')?.Notify).toHaveLength(1);
});
