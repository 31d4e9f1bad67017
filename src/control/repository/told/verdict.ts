/** What became of the commit that a repository is at, in one word and a sentence. */
import { counted } from '#base/text/human';
import { shortCommit } from '#base/text/text';
import type { Verdict } from '#model/git/notify';
import type { Repository } from '#model/object/repository';
import type { Stack } from '#model/object/stack';
import type { View } from '#store/view';
import { isOwned } from '../../stack/ownership.ts';
import { newestRevision } from '../../stack/revisions.ts';
import { stillness } from '../stillness.ts';

const longest = 500;

/** `waits`: somebody suspended it, and nothing of it is deployed before that ends. */
export interface StackVerdict {
  name: string;
  state: Verdict['State'] | 'waits';
  text: string;
  /** Of a failure: the exit code of a deploy that ends so. */
  exit?: Exit;
}

/** 1: refused or held; 3: taken back; 4: not as wanted, and left so. */
type Exit = 1 | 3 | 4;

/** What became of one commit, for who waits for it. */
export interface CommitVerdict extends Verdict {
  /** As of a deploy: 0 success, 1 refused or held, 3 taken back, 4 failing, or not over. */
  Exit: 0 | Exit;
}

/** `commit`: whole. A repository that is at another one may not have heard of it yet. */
export function commitVerdict(view: View, repository: Repository, commit: string, now: number): CommitVerdict {
  const { Commit, State, Message } = repository.Status;
  const pending = (Text: string): CommitVerdict => ({ Commit: commit, State: 'pending', Text, Exit: 4 });
  const still = stillness(repository, now);
  if (still) return pending(still.state === 'frozen' ? `frozen (${still.window})` : 'the repository is suspended');
  if (State === 'unavailable') return pending(Message);
  if (Commit !== commit) return pending(Commit === undefined ? 'nothing was read yet' : `the repository is at commit ${shortCommit(Commit)}`);
  const verdict = verdictOf(view, repository, now) ?? pending(Message);
  const exits = stackVerdicts(view, repository).flatMap(({ exit }) => exit ?? []);
  return { ...verdict, Exit: verdict.State === 'success' ? 0 : verdict.State === 'pending' ? 4 : (Math.max(...exits) as Exit) };
}

/** undefined: there is nothing to say now. */
export function verdictOf(view: View, repository: Repository, now: number): Verdict | undefined {
  const { Commit, State } = repository.Status;
  if (Commit === undefined || State === 'unavailable' || State === 'pending' || stillness(repository, now)) return undefined;
  const all = stackVerdicts(view, repository);
  const failed = all.filter(({ state }) => state === 'failure');
  if (failed.length > 0)
    return {
      Commit,
      State: 'failure',
      Text: failed
        .map(({ name, text }) => `${name}: ${text}`)
        .join('; ')
        .slice(0, longest),
    };
  const open = all.filter(({ state }) => state !== 'success');
  if (open.length > 0)
    return {
      Commit,
      State: 'pending',
      Text: open
        .map(({ name, state, text }) => (state === 'waits' ? `${name}: ${text}` : `${name} on the way`))
        .join(', ')
        .slice(0, longest),
    };
  return { Commit, State: 'success', Text: `${counted(all.length, 'stack')} as commit ${shortCommit(Commit)} wants them` };
}

/** Whether each stack is as the repository's commit wants it: how it stands decides, whatever commit brought that. Also those that are not the repository's and that it may not take. */
export function stackVerdicts(view: View, { Spec, Status: { Refused = {}, Held = {} } }: Repository): StackVerdict[] {
  const left = new Map([
    ...Object.entries(Refused).map(([name, errors]) => [name, errors[0] ?? ''] as const),
    ...Object.entries(Held).map(([name, reason]) => [name, reason] as const),
  ]);
  const own = [...view.list('stack')].filter((stack) => isOwned(stack, Spec.Name)).map((stack) => stackVerdict(view, stack, left.get(stack.Spec.Name)));
  const names = new Set(own.map(({ name }) => name));
  const foreign = [...left].filter(([name]) => !names.has(name)).map(([name, text]): StackVerdict => ({ name, state: 'failure', text, exit: 1 }));
  return [...own, ...foreign];
}

/** `left`: why the last look left it as it was. */
function stackVerdict(view: View, { Spec: { Name: name }, Condition, Suspended, Quarantine }: Stack, left: string | undefined): StackVerdict {
  if (Suspended) return { name, state: 'waits', text: 'suspended: it is deployed when that ends' };
  if (Condition.State === 'refused' || Condition.State === 'held')
    return { name, state: 'failure', text: `${Condition.State}: ${Condition.Message}`, exit: Quarantine && Condition.State === 'refused' ? 3 : 1 };
  const outcome = newestRevision(view, name)?.Outcome;
  if (Condition.State === 'pending' || outcome?.State === 'pending') return { name, state: 'pending', text: '' };
  if (outcome?.State === 'failed') return { name, state: 'failure', text: `failed: ${outcome.Message}`, exit: Quarantine ? 3 : 4 };
  return left === undefined ? { name, state: 'success', text: '' } : { name, state: 'failure', text: left, exit: 1 };
}
