/** One comment on each merge request, which says what it would do: over a real HTTP server that answers as the forges do. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addTarget, removeTarget } from '#control/repository/notify';
import { createRepository } from '#control/repository/repositories';
import type { AskedTarget } from '#model/git/notify';
import { Following, GitRepository, stackFile, within } from '#test/support/git-repository';
import { initialisedCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';

type Kind = 'github' | 'gitlab' | 'gitea';

interface Comment {
  id: number;
  body: string;
}

/** A forge with one project: what is open there, and what is said of it. */
class Forge {
  readonly open = new Map<number, string>();
  readonly comments = new Map<number, Comment[]>();
  readonly asked: string[] = [];
  /** Answers that fail before one is well. */
  failing = 0;
  /** The next comment is taken, and nobody hears of it. */
  losesAnswer = false;
  readonly #kind: Kind;
  readonly #server: Server;
  #ids = 100;

  constructor(kind: Kind) {
    this.#kind = kind;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api`;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const path = (request.url ?? '').replace(/\?.*/, '');
    this.asked.push(`${request.method ?? ''} ${path}`);
    const token = request.headers[this.#kind === 'gitlab' ? 'private-token' : 'authorization'];
    const send = (status: number, body: unknown): void => void response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    if (token !== { github: 'Bearer hush', gitea: 'token hush', gitlab: 'hush' }[this.#kind]) return send(401, {});
    if (this.failing > 0 && this.failing-- > 0) return send(503, {});
    const text = parts.length === 0 ? '' : (JSON.parse(Buffer.concat(parts).toString()) as { body: string }).body;
    const answer = this.#route(request.method ?? '', path, text);
    if (request.method === 'POST' && this.losesAnswer) {
      this.losesAnswer = false;
      return void response.destroy();
    }
    send(answer === undefined ? 404 : 200, answer ?? {});
  }

  #route(method: string, path: string, text: string): unknown {
    const lab = this.#kind === 'gitlab';
    const root = lab ? '/api/projects/team%2Fstacks' : '/api/repos/team/stacks';
    if (method === 'GET' && path === `${root}/${lab ? 'merge_requests' : 'pulls'}`)
      return [...this.open].map(([number, head]) =>
        lab ? { iid: number, sha: head, target_branch: 'main' } : { number, head: { sha: head }, base: { ref: 'main' } },
      );
    const talk = new RegExp(`^${root}/${lab ? 'merge_requests' : 'issues'}/(\\d+)/${lab ? 'notes' : 'comments'}$`).exec(path);
    const list = talk ? (this.comments.get(Number(talk[1])) ?? []) : undefined;
    if (list && method === 'GET') return list;
    if (list && method === 'POST') {
      const comment = { id: this.#ids++, body: text };
      this.comments.set(Number(talk?.[1]), [...list, comment]);
      return comment;
    }
    const one = new RegExp(`^${root}/${lab ? 'merge_requests/\\d+/notes' : 'issues/comments'}/(\\d+)$`).exec(path);
    const found = [...this.comments.values()].flat().find(({ id }) => id === Number(one?.[1]));
    if (!found || method !== (lab ? 'PUT' : 'PATCH')) return undefined;
    found.body = text;
    return found;
  }
}

let repository: GitRepository;
let following: Following;
let forges: Map<Kind, Forge>;

beforeEach(async () => {
  repository = new GitRepository();
  following = await new Following(initialisedCluster({ clock: realClock })).start();
  forges = new Map((['github', 'gitlab', 'gitea'] as const).map((kind) => [kind, new Forge(kind)]));
});

afterEach(async () => {
  await following.stop();
  repository.remove();
  for (const forge of forges.values()) await forge.stop();
});

const seen = (condition: () => boolean) =>
  within(60_000, condition, () =>
    JSON.stringify([[...forges].map(([kind, { asked, comments }]) => [kind, asked.slice(-5), [...comments]]), following.logged.slice(-5)]),
  );
const tell = (target: AskedTarget): string => following.cluster.run(addTarget('infra', target)).ID;
const forge = (kind: Kind): Forge => forges.get(kind) as Forge;
const said = (kind: Kind, number: number) => forge(kind).comments.get(number) ?? [];

/** A commit that is proposed, and where forges keep it. */
function propose(number: number, image: string): string {
  repository.git('checkout', '--quiet', '--detach', 'main');
  const commit = repository.commit({ 'stacks/a/compose.yml': stackFile(image) });
  repository.git('update-ref', `refs/pull/${number}/head`, commit);
  repository.git('update-ref', `refs/merge-requests/${number}/head`, commit);
  repository.git('checkout', '--quiet', 'main');
  for (const each of forges.values()) each.open.set(number, commit);
  return commit;
}

test('each forge gets one comment with the plan of a merge request, which follows its commits and the branch, over lost answers and restarts', async () => {
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:1') });
  await following.add(repository.folder);
  const first = propose(7, 'app:2');
  forge('gitea').failing = 1;
  forge('gitlab').losesAnswer = true;
  for (const [Kind, each] of forges) tell({ Kind, URL: await each.start(), Project: 'team/stacks', Secret: 'hush', MergeRequests: true });
  const kinds = [...forges.keys()];
  await seen(() => said('github', 7).length > 0);
  // What was not heard of is looked for, and not said twice.
  await following.restart();
  await seen(() => kinds.every((kind) => said(kind, 7).length > 0) && following.cluster.store.byName('repository', 'infra')?.Comments?.length === 3);
  for (const kind of kinds) {
    expect(said(kind, 7)).toHaveLength(1);
    expect(said(kind, 7)[0]?.body).toMatch(
      new RegExp(`^<!-- shoal [0-9a-f]{32} -->\\n\\*\\*Repository infra at commit ${first.slice(0, 12)}: 1 of 1 stacks change\\.\\*\\*`),
    );
    expect(said(kind, 7)[0]?.body).toContain('app:2');
  }
  propose(7, 'app:3');
  propose(8, 'services: [');
  forge('github').asked.length = 0;
  await following.sync();
  await seen(() => kinds.every((kind) => said(kind, 7)[0]?.body.includes('app:3') === true && said(kind, 8).length === 1));
  expect(kinds.map((kind) => said(kind, 7).length)).toEqual([1, 1, 1]);
  expect(said('github', 8)[0]?.body).toContain('stacks/a/compose.yml:3:');
  expect(said('github', 7)[0]?.body).toMatch(/\n\*\*Its commits:\*\*\n\n- `[0-9a-f]{12} change \(t\)`/);
  // Nothing moved: nothing is said. What is closed is forgotten.
  for (const each of forges.values()) each.open.delete(8);
  const writes = (): number => forge('github').asked.filter((line) => !line.startsWith('GET')).length;
  const before = writes();
  await following.sync();
  await seen(() => following.cluster.store.byName('repository', 'infra')?.Comments?.length === 3);
  expect(writes()).toBe(before);
  // Somebody removes the comment: it is made anew, and another one's that looks like it is not touched.
  const mark = said('github', 7)[0]?.body.split('\n')[0] ?? '';
  forge('github').comments.set(7, [{ id: 1, body: `${mark}\nforged` }]);
  propose(7, 'app:4');
  await following.sync();
  await seen(() => said('github', 7).some(({ body }) => body.includes('app:4')));
  expect(said('github', 7).map(({ id, body }) => [id === 1, body.includes('app:4')])).toEqual([
    [true, false],
    [false, true],
  ]);
  forge('github').comments.set(7, said('github', 7).slice(1));
  // What the forge shows before it is there to be read is waited for.
  forge('gitea').open.set(9, 'a'.repeat(40));
  forge('gitea').asked.length = 0;
  await following.sync();
  await seen(() => forge('gitea').asked.length > 0 && following.logged.some((line) => line.includes('a merge request cannot be commented on now')));
  expect(said('gitea', 9)).toEqual([]);
  forge('gitea').open.delete(9);
  propose(7, 'app:3');
  // Where the branch is what it proposes, it proposes nothing.
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:3') });
  await following.sync();
  await seen(() => kinds.every((kind) => said(kind, 7)[0]?.body.includes('0 of 1 stacks change') === true));
  for (const { ID } of following.cluster.store.byName('repository', 'infra')?.Notify ?? []) following.cluster.run(removeTarget('infra', ID));
  expect(following.cluster.store.byName('repository', 'infra')?.Comments).toBeUndefined();
});

test('what is no forge has no merge requests', async () => {
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:1') });
  await following.add(repository.folder);
  expect(() => tell({ Kind: 'webhook', URL: 'https://alerts.example.org', MergeRequests: true })).toThrow('webhook has no merge requests');
  following.cluster.run(createRepository({ Name: 'own', URL: '', Branch: 'main', Path: 'stacks', Interval: 30e9, Hosted: true }));
  const target = { Kind: 'gitea', URL: 'https://git.example.org/api/v1', Project: 'a/b', Secret: 'x', MergeRequests: true } as const;
  expect(() => following.cluster.run(addTarget('own', target))).toThrow('no forge has merge requests of it');
});
