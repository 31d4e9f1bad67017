/** Tells who pushed what becomes of it, until each stack has its verdict. */
import { pause, type Clock } from '#base/clock';
import { shortCommit } from '#base/text/text';
import type { Cluster } from '#control/cluster';
import { stillness } from '#control/repository/stillness';
import { stackVerdicts, type StackVerdict } from '#control/repository/told/verdict';
import { isOwned } from '#control/stack/ownership';
import { revisionsOf } from '#control/stack/revisions';
import { healthOfService, nodesOf } from '#control/stack/stack-health';
import type { Stack } from '#model/object/stack';

export interface PushFollowParts {
  cluster: Cluster;
  clock: Clock;
  signal: AbortSignal;
  /** A whole look at the repository. */
  sync: () => Promise<void>;
}

type View = Awaited<ReturnType<Cluster['read']>>;
type Say = (line: string) => void;

const lookEveryMs = 500;
/** A rollout may take longer; who pushed is not kept waiting for ever. */
const longestMs = 10 * 60_000;

/** Whether all of it is deployed. */
export async function followPush(repository: string, commit: string, { cluster, clock, signal, sync }: PushFollowParts, say: Say): Promise<boolean> {
  const end = clock.monotonicNow() + longestMs;
  const told = new Set<string>();
  const once: Say = (line) => {
    if (!told.has(line)) say(line);
    told.add(line);
  };
  await sync();
  for (;;) {
    const view = await cluster.read();
    const waits = whyNothingHappens(view, repository, commit, clock.now());
    if (waits !== undefined) return verdict(false, waits, say);
    const known = view.byName('repository', repository);
    const verdicts = known ? stackVerdicts(view, known) : [];
    const open = verdicts.flatMap(({ name, state }) => (state === 'pending' ? [name] : []));
    for (const stack of [...view.list('stack')].filter((each) => isOwned(each, repository)))
      if (open.includes(stack.Spec.Name) || isBroughtBy(view, stack, commit)) tellServices(view, stack, clock.now(), once);
    if (open.length === 0) return tellVerdict(verdicts, commit, say);
    const late = open.join(', ');
    if (clock.monotonicNow() > end)
      return verdict(false, `${late}: not over after ${longestMs / 60_000} minutes; \`shoal stack ls\` shows what becomes of it`, say);
    if (signal.aborted) return verdict(false, `${late}: this manager stops, and another one goes on; \`shoal stack ls\` shows what becomes of it`, say);
    await pause(clock, lookEveryMs, signal);
  }
}

/** Why the commit as a whole is not what the cluster is brought to. */
function whyNothingHappens(view: View, name: string, commit: string, now: number): string | undefined {
  const repository = view.byName('repository', name);
  if (!repository) return 'the repository was removed';
  const still = stillness(repository, now);
  if (still)
    return still.state === 'frozen'
      ? `frozen (${still.window}): it is deployed when the window is over`
      : 'the repository is suspended: it is deployed when that ends';
  if (repository.Pushed?.Commit !== commit) return 'somebody pushed another commit, which takes its place';
  const { State, Commit, Message } = repository.Status;
  return State === 'unavailable' || Commit !== commit ? Message || 'the commit is not looked at' : undefined;
}

function isBroughtBy(view: View, { Spec }: Stack, commit: string): boolean {
  return revisionsOf(view, Spec.Name).some(({ Source, Of }) => Of === undefined && Source.Kind === 'repository' && Source.Commit === commit);
}

function tellServices(view: View, { Services, Suspended }: Stack, now: number, say: Say): void {
  if (Suspended) return;
  const nodes = nodesOf(view);
  for (const name of Services) {
    const service = view.byName('service', name);
    if (!service) continue;
    const { state, running, wanted, message } = healthOfService(view, service, nodes, now);
    say(`${name} ${running}/${wanted}${state === 'healthy' || message === '' ? '' : ` ${message}`}`);
  }
}

function tellVerdict(verdicts: readonly StackVerdict[], commit: string, say: Say): boolean {
  const failed = verdicts.filter(({ state }) => state !== 'success');
  for (const { name, text } of failed) say(`${name}: ${text}`);
  if (failed.length > 0) return verdict(false, `${failed.length} of ${verdicts.length} stacks are not as commit ${shortCommit(commit)} wants them`, say);
  return verdict(true, `commit ${shortCommit(commit)} is deployed, and healthy`, say);
}

function verdict(good: boolean, text: string, say: Say): boolean {
  say(good ? `DEPLOYED: ${text}` : `NOT DEPLOYED: ${text}`);
  return good;
}
