/** What became of the commit that a repository is at, in one word and a sentence. */
import { counted } from '#base/text/human';
import { shortCommit } from '#base/text/text';
import type { Verdict } from '#model/git/notify';
import type { Repository } from '#model/object/repository';
import type { Stack } from '#model/object/stack';
import type { View } from '#store/view';
import { isOwned } from '../stack/ownership.ts';
import { revisionsOf } from '../stack/revisions.ts';
import { stillness } from './stillness.ts';

const longest = 500;

/** undefined: there is nothing to say now. */
export function verdictOf(view: View, repository: Repository, now: number): Verdict | undefined {
  const { Commit, State, Refused = {}, Held = {} } = repository.Status;
  if (Commit === undefined || State === 'unavailable' || State === 'pending' || stillness(repository, now)) return undefined;
  const stacks = [...view.list('stack')].filter((stack) => isOwned(stack, repository.Spec.Name));
  const own = stacks.map((stack) => ({ name: stack.Spec.Name, ...stackVerdict(view, stack, Commit) }));
  const names = new Set(own.map(({ name }) => name));
  const foreign = [...Object.entries(Refused), ...Object.entries(Held).map(([name, reason]) => [name, [reason]] as const)]
    .filter(([name]) => !names.has(name))
    .map(([name, errors]) => ({ name, state: 'failure' as const, text: errors[0] ?? '' }));
  const all = [...own, ...foreign];
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
  const open = all.filter(({ state }) => state === 'pending');
  if (open.length > 0) return { Commit, State: 'pending', Text: `${open.map(({ name }) => name).join(', ')} on the way`.slice(0, longest) };
  return { Commit, State: 'success', Text: `${counted(all.length, 'stack')} as commit ${shortCommit(Commit)} wants them` };
}

function stackVerdict(view: View, { Spec, Condition }: Stack, commit: string): { state: Verdict['State']; text: string } {
  if (Condition.State === 'refused' || Condition.State === 'held') return { state: 'failure', text: `${Condition.State}: ${Condition.Message}` };
  const revision = revisionsOf(view, Spec.Name).findLast(({ Source }) => Source.Kind === 'repository' && Source.Commit === commit);
  if (Condition.State === 'pending' || revision?.Outcome.State === 'pending') return { state: 'pending', text: '' };
  return revision?.Outcome.State === 'failed' ? { state: 'failure', text: revision.Outcome.Message } : { state: 'success', text: '' };
}
