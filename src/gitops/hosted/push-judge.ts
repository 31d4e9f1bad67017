/** Judges what is pushed before it is taken: what may come, whether it renders, what it would change; and keeps it where it survives this node. */
import { inTurns } from '#base/pace/steps';
import type { Clock } from '#base/clock';
import { Refusal } from '#base/refusal';
import { seededRandom } from '#base/random';
import { shortCommit } from '#base/text/text';
import type { Cluster } from '#control/cluster';
import { applyDeclared } from '#control/repository/declared';
import { dropPush, keepPiece, largestPieceBytes, largestPushedBytes, mostPushes, pushedBytes, takePush } from '#control/repository/pushed';
import { checkToken } from '#control/repository/tokens';
import type { Declared, Repository } from '#model/object/repository';
import { planRepository } from '#reconciler/plan';
import { notesOf, type RenderedStack } from '#reconciler/rendered';
import type { Bare } from './bare.ts';
import type { RefUpdate } from './hook.ts';
import { errorsOf, planLines } from './plan-lines.ts';

export interface PushJudgeParts {
  cluster: Cluster;
  clock: Clock;
  bare: Bare;
  newId: () => string;
  /** Id of the token that was shown; undefined: root on a manager pushes. */
  token: string | undefined;
  /** Throws a Refusal where commits have to be signed and this one is not. */
  checkSigned: (repository: Repository, commit: string, received: string) => Promise<void>;
  /** The stacks of a commit that is not taken yet. */
  render: (repository: Repository, commit: string, received: string) => Promise<RenderedPush>;
}

export interface RenderedPush {
  stacks: readonly RenderedStack[];
  declared: Declared;
}

const nothing = /^0+$/;
const mostLines = 200;

/** Takes the push, or throws a Refusal with what is wrong, a line each: judged by what is asked of the repository now, for what is pushed may have been on its way for minutes. `id`: of the repository. */
export async function judgePush(
  id: string,
  { updates, received }: { updates: readonly RefUpdate[]; received: string },
  parts: PushJudgeParts,
  say: (line: string) => void,
): Promise<void> {
  const view = await parts.cluster.read();
  const repository = view.get('repository', id);
  if (!repository) throw new Refusal('notFound', 'the repository was removed');
  checkToken(repository, parts.token, 'push');
  const update = allowedUpdate(repository, updates);
  const { after } = update;
  const before = nothing.test(update.before) ? undefined : update.before;
  if (repository.Pushed?.Commit !== before) throw new Refusal('failedPrecondition', 'somebody else pushed meanwhile: fetch what is there, then push again');
  await checkHistory(repository, before, after, received, parts.bare);
  await parts.checkSigned(repository, after, received);
  await tellPlan(repository, after, await parts.render(repository, after, received), parts, say);
  await keep(repository, before, after, received, parts);
}

/** One branch is deployed, and nothing else is taken: whatever is accepted is done. */
function allowedUpdate({ Spec: { Name, Branch } }: Repository, updates: readonly RefUpdate[]): RefUpdate {
  const own = `refs/heads/${Branch}`;
  const other = updates.find(({ ref }) => ref !== own);
  if (other) throw new Refusal('invalidArgument', `${shown(other.ref)} is not taken: repository ${Name} has one branch, ${Branch}, and that is deployed`);
  const [update] = updates;
  if (!update || updates.length > 1) throw new Refusal('invalidArgument', 'one update of one branch is taken at a time');
  if (nothing.test(update.after)) throw new Refusal('invalidArgument', `branch ${Branch} is deployed and cannot be deleted: \`shoal repo rm ${Name}\` ends it`);
  return update;
}

async function checkHistory({ Spec }: Repository, before: string | undefined, after: string, received: string, bare: Bare): Promise<void> {
  if (!(await bare.isCommit(after, received))) throw new Refusal('invalidArgument', `${shortCommit(after)} is no commit`);
  if (!(await bare.isWhole(before, after, received))) {
    const help = 'run `git fetch --unshallow` there, and push again (a job of GitHub: `fetch-depth: 0`, of GitLab: `GIT_DEPTH: 0`)';
    throw new Refusal('failedPrecondition', `what ${shortCommit(after)} comes after was not sent, for the clone is shallow: ${help}`);
  }
  if (before === undefined || Spec.Rewrites === 'follow' || (await bare.comesAfter(before, after, received))) return;
  const reason = `commit ${shortCommit(after)} does not come after ${shortCommit(before)}, which is deployed: its history was rewritten`;
  throw new Refusal('failedPrecondition', `${reason}. If that is meant: \`shoal repo update ${Spec.Name} --rewrites follow\`, then push again`);
}

async function tellPlan(
  repository: Repository,
  commit: string,
  { stacks, declared }: RenderedPush,
  { cluster, clock, newId }: PushJudgeParts,
  say: (line: string) => void,
) {
  const view = await cluster.read();
  const options = { now: clock.now(), commit, keeps: declared.KeepsStacks === true, grace: declared.Grace };
  const steps = await inTurns(planRepository(view, repository.Spec.Name, stacks, options), clock);
  const context = { now: clock.now(), random: seededRandom(1), newId };
  const { result } = applyDeclared(repository.ID, commit, declared)(view, context);
  const errors = [...errorsOf(stacks, steps), ...Object.values(result.refused).flat()];
  if (errors.length > 0) throw new Refusal('invalidArgument', [...errors.slice(0, mostLines), 'nothing was taken, and nothing was changed'].join('\n'));
  const lines = [...planLines(steps), ...result.changes, ...Object.values(result.held), ...Object.values(notesOf(stacks, declared.LeftOut)).flat()];
  for (const line of lines.slice(0, mostLines)) say(line);
  if (lines.length > mostLines) say(`and ${lines.length - mostLines} lines more`);
}

/** First the pieces, then the word: what breaks off between them stands for nothing. */
async function keep(
  { ID, Spec, Pushed }: Repository,
  before: string | undefined,
  after: string,
  received: string,
  { bare, cluster, newId, token }: PushJudgeParts,
): Promise<void> {
  await cluster.submit(dropPush(ID));
  const kept = pushedBytes(await cluster.read(), ID);
  const more = await bare.pack(after, before, received);
  const whole = before === undefined || (Pushed?.Pushes.length ?? 0) >= mostPushes || kept + more.length > largestPushedBytes;
  const pack = whole && before !== undefined ? await bare.pack(after, undefined, received) : more;
  if (pack.length > largestPushedBytes) {
    const most = `${largestPushedBytes / 1024 / 1024} MiB`;
    throw new Refusal(
      'failedPrecondition',
      `with its history the repository is larger than ${most}, more than the cluster keeps of one: keep ${Spec.Name} at a server`,
    );
  }
  const push = newId();
  for (let part = 0; part * largestPieceBytes < pack.length; part++)
    await cluster.submit(keepPiece(ID, push, part, pack.subarray(part * largestPieceBytes, (part + 1) * largestPieceBytes)));
  await cluster.submit(takePush(ID, { push, before, after, whole, judged: Spec, token }));
}

/** A name may hold anything. */
function shown(ref: string): string {
  return ref.replaceAll(/[^\u0020-\u007e]/g, '?').slice(0, 200);
}
