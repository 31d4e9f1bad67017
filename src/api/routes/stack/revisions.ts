/** Routes of a stack's revisions and of its log: listed, compared, brought back; what they hold of secrets never leaves. */
import { Refusal } from '#base/refusal';
import { revisionChanges } from '#control/stack/revision-diff';
import { findRevision, revisionsOf } from '#control/stack/revisions';
import { retryStack, rollBackStack } from '#control/stack/stack-rollback';
import type { StackPlan } from '#model/difference/stack-plan';
import type { Revision, RevisionOutcome, StackSource } from '#model/object/stack';
import { HttpError } from '../../errors.ts';
import { decodeBody } from '../../request/body.ts';
import { readView, submit, type Context } from '../../context.ts';
import type { View } from '../../dependencies.ts';
import { get, parameter, post, type Call, type Route } from '../../router.ts';
import { stackRollbackRequest } from '../../request/bodies.ts';
import { whoOf } from '../../request/who.ts';

export interface ShownRevision {
  Number: number;
  CreatedAt: string;
  Source: StackSource;
  Who: string;
  Digest: string;
  /** The stack is in force as this one. */
  Current: boolean;
  /** The revision that it brought back. */
  Of?: number;
  Outcome: RevisionOutcome | { State: 'superseded'; Message: string };
  Services: readonly { Name: string; Image: string }[];
  /** Names of what else it has. */
  Networks: readonly string[];
  Secrets: readonly string[];
  Configs: readonly string[];
}

export function revisionRoutes(context: Context): Route[] {
  return [
    get('/shoal/v1/stacks/{}/revisions', async (call) => {
      const view = await readView(context);
      const { revisions, current } = revisionsAt(view, parameter(call));
      const newest = revisions.at(-1);
      return { status: 200, json: revisions.map((revision) => shown(revision, { isCurrent: revision === current, isNewest: revision === newest })) };
    }),
    get('/shoal/v1/stacks/{}/revisions/diff', async (call) => ({ status: 200, json: await diff(call, context) })),
    post('/shoal/v1/stacks/{}/rollback', async (call) => {
      const { To, Who } = await decodeBody(call.request, stackRollbackRequest);
      return { status: 200, json: await submit(context, call, rollBackStack(parameter(call), To, Who ?? whoOf(call))) };
    }),
    post('/shoal/v1/stacks/{}/retry', async (call) => {
      await submit(context, call, retryStack(parameter(call), whoOf(call)));
      return { status: 204 };
    }),
  ];
}

/** Oldest first, and the one that the stack is in force as. */
function revisionsAt(view: View, name: string): { revisions: Revision[]; current: Revision | undefined } {
  const stack = view.byName('stack', name);
  const revisions = revisionsOf(view, name);
  if (!stack && revisions.length === 0) throw new Refusal('notFound', `stack ${name} not found`);
  return { revisions, current: revisions.findLast(({ Digest }) => Digest === stack?.Digest) };
}

/** Without `from` and `to`: from the revision before the present one to the present one. */
async function diff(call: Call, context: Context): Promise<StackPlan> {
  const name = parameter(call);
  const view = await readView(context);
  const { revisions, current } = revisionsAt(view, name);
  const to = asked(call, 'to') ?? current?.Spec.Number;
  const from = asked(call, 'from') ?? revisions.findLast(({ Spec }) => Spec.Number < (to ?? 0))?.Spec.Number;
  if (to === undefined || from === undefined) throw new Refusal('failedPrecondition', `stack ${name} has no two revisions to compare`);
  return { stack: name, changes: revisionChanges(findRevision(view, name, from), findRevision(view, name, to)) };
}

function asked(call: Call, key: string): number | undefined {
  const text = call.query.get(key);
  if (text === null) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new HttpError(400, `${key} must be the number of a revision, not ${JSON.stringify(text)}`);
  return Number(text);
}

/** Another one took its place before anything was said of it: nothing will be. */
function outcomeOf({ Outcome }: Revision, isNewest: boolean): ShownRevision['Outcome'] {
  return isNewest || Outcome.State !== 'pending' ? Outcome : { State: 'superseded', Message: 'another version took its place before it was judged' };
}

function shown(revision: Revision, { isCurrent, isNewest }: { isCurrent: boolean; isNewest: boolean }): ShownRevision {
  const { Spec, CreatedAt, Source, Who = '', Digest, Of } = revision;
  const { Services, Networks, Secrets, Configs } = Spec.Content;
  const names = (items: readonly { Name: string }[]): string[] => items.map(({ Name }) => Name);
  return {
    Number: Spec.Number,
    CreatedAt,
    Source,
    Who,
    Digest,
    Current: isCurrent,
    ...(Of !== undefined && { Of }),
    Outcome: outcomeOf(revision, isNewest),
    Services: Services.map(({ Name, TaskTemplate }) => ({ Name, Image: TaskTemplate.ContainerSpec?.Image ?? '' })),
    Networks: names(Networks),
    Secrets: names(Secrets),
    Configs: names(Configs),
  };
}
