/** What a commit would do is said before it is followed, and nothing moves by that. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { suspendRepository } from '#control/repository/repositories';
import { repositoryPlanLines, repositoryPlanMarkdown } from '#model/difference/plan-text';
import { Pushing } from '#test/support/git-pushing';
import { stackFile } from '#test/support/git-repository';

let world: Pushing;

beforeEach(async () => void (world = await new Pushing().start()));

afterEach(() => world.stop());

test('a branch, a tag and a commit are planned, field by field, while what is followed stays', async () => {
  const { repository, following } = world;
  const main = repository.commit({ 'stacks/web/compose.yml': stackFile('app:1'), 'stacks/api/compose.yml': stackFile('api:1') });
  await following.add(repository.folder);
  repository.git('checkout', '--quiet', '-b', 'change');
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:2'), 'stacks/bad/compose.yml': 'services: {web: {imaage: x}}' });
  const change = repository.commit({ 'stacks/api': undefined });
  repository.git('tag', 'v2');
  // The verdict on a revision comes when it comes.
  // Of a stack its version may be found good meanwhile, and its log says so.
  const stacks = () => [...following.cluster.store.list('stack')].map(({ Log: _noted, Version: _version, UpdatedAt: _at, ...rest }) => rest);
  const others = () => (['repository', 'service', 'config', 'secret', 'network'] as const).map((kind) => [...following.cluster.store.list(kind)]);
  const state = () => [stacks(), ...others()];
  const before = state();
  const plan = await following.gitops.planCommit('infra', 'change');
  expect(plan).toMatchObject({ repository: 'infra', commit: change });
  expect(plan.stacks.map(({ name, step }) => `${name} ${step}`)).toEqual(['bad refuse', 'web apply', 'api remove']);
  expect(plan.stacks[0]?.errors?.[0]).toMatch(/^stacks\/bad\/compose.yml:1:/);
  expect(plan.stacks[1]?.changes?.[0]?.fields.map(({ field }) => field)).toContain('TaskTemplate.ContainerSpec.Image');
  expect(plan.rollout?.events.map(({ service, task, what }) => `${service}.${task} ${what}`)).toEqual([
    'web_web.1 stops',
    'web_web.1 starts',
    'web_web.1 is gone',
    'web_web.1 runs',
  ]);
  for (const ref of ['v2', change, 'refs/tags/v2']) expect((await following.gitops.planCommit('infra', ref)).commit).toBe(change);
  expect((await following.gitops.planCommit('infra', undefined)).stacks.map(({ step }) => step)).toEqual(['none', 'none']);
  await expect(following.gitops.planCommit('infra', 'nowhere')).rejects.toThrow('no branch or tag nowhere');
  await expect(following.gitops.planCommit('infra', '--upload-pack=x')).rejects.toThrow('no name of a branch');
  expect(state()).toEqual(before);
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: main });
  // What a git that was killed left behind keeps nothing from being read.
  const refs = join(following.state, 'repositories', following.cluster.store.byName('repository', 'infra')?.ID ?? '', 'refs');
  mkdirSync(join(refs, 'shoal'), { recursive: true });
  for (const name of ['shoal/incoming.lock', 'shoal/peeked.lock', 'heads/followed.lock', '../packed-refs.lock']) writeFileSync(join(refs, name), '');
  expect((await following.gitops.planCommit('infra', change)).commit).toBe(change);
  repository.git('checkout', '--quiet', 'main');
  writeFileSync(join(refs, 'shoal/incoming.lock'), '');
  const next = repository.commit({ note: 'x' });
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: next });
  following.cluster.run(suspendRepository('infra', true));
  const waiting = await following.gitops.planCommit('infra', 'change');
  expect(waiting.waits).toMatch(/^Repository infra is suspended since .*`shoal repo resume infra`\.$/);
  expect([repositoryPlanLines(waiting).at(-2), repositoryPlanMarkdown(waiting)[2]]).toEqual([waiting.waits, waiting.waits]);
});

test('a token of that role may plan at the door, as JSON and as Markdown, and nothing else; another role may not', async () => {
  const { repository } = world;
  world.create();
  const [token, planner, reader] = [world.token('push'), world.token('plan'), world.token('read')];
  const head = repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  await world.push(token);
  const ask = (secret: string, query = '') =>
    fetch(`${world.door}/plan/infra${query}`, { headers: { Authorization: `Basic ${Buffer.from(`me:${secret}`).toString('base64')}` } });
  expect(await (await ask(planner)).json()).toEqual({ repository: 'infra', commit: head, stacks: [{ name: 'web', step: 'none', reason: '' }] });
  expect(await (await ask(planner, `?ref=${head}&format=markdown`)).text()).toBe(
    `**Repository infra at commit ${head.slice(0, 12)}: 0 of 1 stacks change.**\n`,
  );
  expect((await ask(reader)).status).toBe(403);
  expect((await ask('wrong')).status).toBe(401);
  expect((await ask(planner, '?ref=nowhere')).status).toBe(404);
  expect((await world.push(planner)).shown).toContain('this token has role plan: it may not push');
});

test('a job waits at the door for what becomes of its commit, by the exit code of a deploy', async () => {
  const { repository } = world;
  world.create();
  const [token, job, reader] = [world.token('push'), world.token('plan'), world.token('read')];
  const ask = async (secret: string, commit: string, query = '') => {
    const headers = { Authorization: `Basic ${Buffer.from(`me:${secret}`).toString('base64')}` };
    const answer = await fetch(`${world.door}/verdict/infra?commit=${commit}${query}`, { headers });
    const text = await answer.text();
    return { status: answer.status, ...(text.startsWith('{') ? (JSON.parse(text) as object) : { text }) };
  };
  const good = repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  // It may be asked before the commit comes.
  const early = ask(job, good);
  await world.push(token);
  expect(await early).toMatchObject({ status: 200, Commit: good, State: 'success', Exit: 0 });
  expect(await ask(job, '1'.repeat(40), '&timeout=0s')).toMatchObject({
    status: 504,
    State: 'pending',
    Exit: 4,
    Text: expect.stringContaining('is at commit'),
  });
  // One that another one came after is not waited for, though nobody looked at it; one that nobody knows may come yet.
  const passed = repository.commit({ 'stacks/web/compose.yml': stackFile('app:2') });
  const newest = repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  await world.push(token);
  expect(await ask(job, newest)).toMatchObject({ status: 200, State: 'success' });
  expect(await ask(job, passed)).toMatchObject({ status: 409, State: 'superseded', Exit: 5, Text: `commit ${newest.slice(0, 12)} took its place` });
  expect(await ask(job, 'main')).toMatchObject({ status: 400, text: expect.stringContaining('the whole hash') });
  expect([(await ask(reader, good)).status, (await ask('wrong', good)).status]).toEqual([403, 401]);
  // The address as people write it.
  const named = await fetch(`${world.door}/git/infra.git/info/refs?service=git-upload-pack`, {
    headers: { Authorization: `Basic ${Buffer.from(`me:${reader}`).toString('base64')}` },
  });
  expect(named.status).toBe(200);
});
