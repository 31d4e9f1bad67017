/** Requests of git for one repository that the cluster holds: each push is judged before it is taken, and told of until its verdict. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import type { Clock } from '#base/clock';
import { Refusal } from '#base/refusal';
import type { Cluster } from '#control/cluster';
import { keysFor } from '#control/repository/repository-sealing';
import { sealingOf } from '#control/sealing';
import type { GitRequest } from '#model/git/git-request';
import type { Repository } from '#model/object/repository';
import type { RenderedStack } from '#reconciler/rendered';
import type { GitWorkers } from '../git-workers.ts';
import type { HeldPart } from '../shares/held-bytes.ts';
import { checkSigned, unsignedBetween } from '../worker/head/signatures.ts';
import { gitBounds } from './bare.ts';
import type { HookQuestion } from './hook.ts';
import type { Hosted } from './hosted.ts';
import { followPush } from './push-follow.ts';
import { judgePush, type RenderedPush } from './push-judge.ts';

export interface ReceiverParts {
  hosted: Hosted;
  workers: GitWorkers;
  cluster: Cluster;
  clock: Clock;
  /** In memory: for keys while git looks at signatures. */
  run: string;
  /** Stacks of the repository with what they have from a vault. */
  valued: (stacks: readonly RenderedStack[]) => Promise<readonly RenderedStack[]>;
  /** A part of what the leader may hold, for what would be followed next of the repository. */
  share: () => HeldPart;
  /** A whole look at a repository, by name. */
  sync: (name: string) => Promise<void>;
}

export async function serveGit(repository: Repository, asked: GitRequest, response: ServerResponse, parts: ReceiverParts): Promise<void> {
  const { hosted } = parts;
  const { ID } = repository;
  await hosted.serve(ID, asked, response, (question, say) =>
    question.kind === 'pre-receive' ? receive(repository, question, { ...parts, token: asked.token }, say) : follow(repository, question, parts, say),
  );
}

async function receive(
  repository: Repository,
  question: HookQuestion,
  parts: ReceiverParts & { token: string | undefined },
  say: (line: string) => void,
): Promise<number> {
  const { hosted, cluster, clock, token } = parts;
  const part = parts.share();
  await judgePush(
    repository.ID,
    question,
    {
      cluster,
      clock,
      bare: hosted.bare(repository),
      newId: randomUUID,
      token,
      checkSigned: (now, commit, received) => checkPushed(now, commit, received, parts),
      render: (now, commit, received) => render(now, { commit, received, part }, parts),
    },
    say,
  ).finally(() => part.end());
  return 0;
}

async function checkPushed({ ID, Spec: { Signers }, Pushed }: Repository, commit: string, received: string, { hosted, run }: ReceiverParts): Promise<void> {
  if (Signers === undefined) return;
  const place = join(run, 'git');
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const judge = { folder: hosted.folderOf(ID), ...hosted.surroundings, run: place, signers: Signers, bounds: gitBounds, received };
  await checkSigned(judge, commit, undefined);
  const unsigned = Pushed && (await unsignedBetween(judge, Pushed.Commit, commit));
  if (unsigned !== undefined) throw new Refusal('unavailable', `commit ${commit.slice(0, 12)} is not taken: ${unsigned}`);
}

async function render(
  repository: Repository,
  { commit, received, part }: { commit: string; received: string; part: HeldPart },
  { hosted, workers, cluster, valued }: ReceiverParts,
): Promise<RenderedPush> {
  const { ID, Spec } = repository;
  const { Path: path, Environment: environment, Variables: variables } = Spec;
  const { home, signal } = hosted.surroundings;
  const view = await cluster.read();
  const identity = sealingOf(view)?.Identity;
  const keys = keysFor(view, repository);
  const settings = {
    ...(environment !== undefined && { environment }),
    ...(variables && { variables }),
    ...(identity !== undefined && { identity }),
    ...(keys && { keys }),
  };
  const { stacks, declared } = await workers.render({ folder: hosted.folderOf(ID), home, commit, path, have: {}, skip: {}, received, ...settings }, signal);
  part.add(stacks.reduce((sum, { bytes }) => sum + bytes, 0));
  return { stacks: await valued(stacks.map(({ stack }) => stack)), declared };
}

async function follow({ Spec, ID }: Repository, { updates }: HookQuestion, parts: ReceiverParts, say: (line: string) => void): Promise<number> {
  const [update] = updates;
  if (!update || (await parts.cluster.read()).get('repository', ID) === undefined) return 0;
  const { clock, cluster, hosted, sync } = parts;
  const { signal } = hosted.surroundings;
  return (await followPush(Spec.Name, update.after, { cluster, clock, signal, sync: () => sync(Spec.Name) }, say)) ? 0 : 1;
}
