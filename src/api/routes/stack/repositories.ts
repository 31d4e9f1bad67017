/** Routes of Git repositories: followed, shown, looked at, confirmed, suspended, removed. */
import { Refusal } from '#base/refusal';
import { explainRepository } from '#control/explain/repository';
import { confirmRepository, createRepository, noteSync, removeRepository, suspendRepository, updateRepository } from '#control/repository/repositories';
import { checkToken } from '#control/repository/tokens';
import { thawRepository } from '#control/repository/stillness';
import { nanosecondsPerMillisecond, second } from '#base/text/duration';
import { isEmptyRecord } from '#control/stack/inventory';
import { isOwned } from '#control/stack/ownership';
import { removeStack } from '#control/stack/stacks';
import { readObject, readView, submit, type Context } from '../../context.ts';
import { repositorySpec } from '#model/shape/object-shapes';
import { repositoryChange, repositoryConfirmRequest, repositoryThawRequest } from '../../request/bodies.ts';
import { decodeBody } from '../../request/body.ts';
import { whoOf } from '../../request/who.ts';
import { flag, get, parameter, post, remove, type Answer, type Call, type Route } from '../../router.ts';
import { repositoryBody } from '../../view/repository.ts';
import { commitVerdictRoute } from './commit-verdict.ts';
import { shownToken } from './hosted.ts';
import { stackSummaries } from '../../view/stack-summary.ts';

/** Nanoseconds. */
const usualThaw = 3600 * second;

export function repositoryRoutes(context: Context): Route[] {
  return [
    get('/shoal/v1/repositories', async () => {
      const view = await readView(context);
      const summaries = [...stackSummaries(view, context)];
      return { status: 200, json: [...view.list('repository')].map((repository) => repositoryBody(repository, summaries, context.clock.now())) };
    }),
    get('/shoal/v1/repositories/{}', async (call) => ({ status: 200, json: await details(context, parameter(call)) })),
    post('/shoal/v1/repositories', async (call) => {
      const spec = await decodeBody(call.request, repositorySpec);
      return { status: 201, json: await submit(context, call, createRepository({ ...spec, URL: spec.URL ?? '', Path: spec.Path ?? '' }, whoOf(call))) };
    }),
    post('/shoal/v1/repositories/{}/sync', async (call) => {
      await submit(context, call, noteSync(parameter(call), whoOf(call)));
      return sync(context, parameter(call), flag(call, 'renew'));
    }),
    get('/shoal/v1/repositories/{}/plan', async (call) => {
      const repository = await readObject(context, 'repository', parameter(call));
      checkToken(repository, shownToken(call), 'plan');
      return { status: 200, json: await context.reconciler.planCommit(repository.Spec.Name, call.query.get('ref') || undefined) };
    }),
    commitVerdictRoute(context),
    get('/shoal/v1/repositories/{}/explain', async (call) => {
      const repository = await readObject(context, 'repository', parameter(call));
      return { status: 200, json: { Lines: explainRepository(await readView(context), repository, context.clock.now()) } };
    }),
    post('/shoal/v1/repositories/{}/update', async (call) => {
      await submit(context, call, updateRepository(parameter(call), await decodeBody(call.request, repositoryChange), whoOf(call)));
      return { status: 200, json: await details(context, parameter(call)) };
    }),
    post('/shoal/v1/repositories/{}/confirm', async (call) => {
      const { Commit = '' } = await decodeBody(call.request, repositoryConfirmRequest);
      if (Commit === '') throw new Refusal('invalidArgument', 'the commit that is confirmed must be named');
      await submit(context, call, confirmRepository(parameter(call), Commit, whoOf(call)));
      return sync(context, parameter(call));
    }),
    post('/shoal/v1/repositories/{}/thaw', async (call) => {
      const { Reason = '', For = usualThaw, Who } = await decodeBody(call.request, repositoryThawRequest);
      await submit(context, call, thawRepository(parameter(call), { reason: Reason, forMs: For / nanosecondsPerMillisecond, who: Who ?? whoOf(call) }));
      return sync(context, parameter(call));
    }),
    post('/shoal/v1/repositories/{}/suspend', (call) => suspend(call, context, true)),
    post('/shoal/v1/repositories/{}/resume', (call) => suspend(call, context, false)),
    remove('/shoal/v1/repositories/{}', (call) => removeOne(call, context)),
  ];
}

async function details(context: Context, ref: string): Promise<object> {
  const repository = await readObject(context, 'repository', ref);
  return repositoryBody(repository, [...stackSummaries(await readView(context), context)], context.clock.now());
}

async function sync(context: Context, ref: string, renews = false): Promise<Answer> {
  const { ID, Spec } = await readObject(context, 'repository', ref);
  await context.reconciler.sync(Spec.Name, renews);
  return { status: 200, json: await details(context, ID) };
}

async function suspend(call: Call, context: Context, on: boolean): Promise<Answer> {
  const ref = parameter(call);
  await submit(context, call, suspendRepository(ref, on, whoOf(call)));
  return on ? { status: 200, json: await details(context, ref) } : sync(context, ref);
}

/** The repository goes first, so that nothing deploys its stacks again while they are removed. */
async function removeOne(call: Call, context: Context): Promise<Answer> {
  const repository = await readObject(context, 'repository', parameter(call));
  const view = await readView(context);
  // A folder that was never applied has nothing to remove: its record goes with the repository.
  const owned = [...view.list('stack')].filter((stack) => isOwned(stack, repository.Spec.Name) && !isEmptyRecord(stack));
  await submit(context, call, removeRepository(repository.ID, false, whoOf(call)));
  // Also one whose objects somebody removed: its record and its revisions stay until then.
  for (const { Spec } of flag(call, 'prune') ? owned : []) await submit(context, call, removeStack(Spec.Name));
  return { status: 204 };
}
