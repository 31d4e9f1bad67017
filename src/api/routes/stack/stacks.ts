/** Routes of stacks: deployed, shown, removed, suspended, given to a repository. */
import { own } from '#base/text/own';
import { inTurns } from '#base/pace/steps';
import { Refusal } from '#base/refusal';
import type { UseCase } from '#control/cluster';
import { explainLabelled, explainStack } from '#control/explain/stack';
import { imagesOf, servicesToAsk, untoldWarnings, withDigests } from '#control/stack/image-digests';
import { labelledObjects } from '#control/stack/inventory';
import { adoptStack, suspendStack, type Adopter } from '#control/stack/stack-states';
import { deployStack, removeStackByHand, specDigest } from '#control/stack/stacks';
import { engineSocketWarning } from '#model/options/engine-socket';
import type { ResolveImages } from '#model/image/image-pin';
import type { StackSpec } from '#model/object/stack';
import { decodeBody } from '../../request/body.ts';
import { readView, submit, type Context } from '../../context.ts';
import { requireManager } from '../../request/require-manager.ts';
import type { View } from '../../dependencies.ts';
import { HttpError } from '../../errors.ts';
import { flag, get, parameter, post, remove, type Answer, type Call, type Route } from '../../router.ts';
import { whoOf } from '../../request/who.ts';
import { stackAdoptRequest, stackDeployRequest } from '../../request/bodies.ts';
import { stackDetails, stackSummaries } from '../../view/stack-summary.ts';

export function stackRoutes(context: Context): Route[] {
  return [
    post('/shoal/v1/stacks/{}', (call) => deploy(call, context)),
    post('/shoal/v1/stacks/{}/plan', (call) => plan(call, context)),
    get('/shoal/v1/stacks', async () => ({ status: 200, list: stackSummaries(await readView(context), context) })),
    get('/shoal/v1/stacks/{}', async (call) => ({ status: 200, json: await details(context, parameter(call)) })),
    remove('/shoal/v1/stacks/{}', async (call) => {
      const removal = removeStackByHand(parameter(call), flag(call, 'force'), whoOf(call));
      return { status: 200, json: await submit(context, call, flag(call, 'dry') ? dry(removal) : removal) };
    }),
    get('/shoal/v1/stacks/{}/explain', async (call) => ({ status: 200, json: { Lines: await explained(context, parameter(call)) } })),
    post('/shoal/v1/stacks/{}/suspend', (call) => suspend(call, context, true)),
    post('/shoal/v1/stacks/{}/resume', (call) => suspend(call, context, false)),
    post('/shoal/v1/stacks/{}/adopt', (call) => adopt(call, context)),
  ];
}

/** The answer of a use case without its actions. */
function dry<R>(useCase: UseCase<R>): UseCase<R> {
  return (view, useCaseContext) => ({ actions: [], result: useCase(view, useCaseContext).result });
}

async function details(context: Context, name: string): Promise<object> {
  const found = stackDetails(await readView(context), name, context);
  if (!found) throw new Refusal('notFound', `stack ${name} not found`);
  return found;
}

async function explained(context: Context, name: string): Promise<readonly string[]> {
  const view = await readView(context);
  const stack = view.byName('stack', name);
  const now = context.clock.now();
  if (stack) return explainStack(view, stack, context.reconciler.waiting(name), now);
  const labelled = labelledObjects(view, 'service', name);
  if (labelled.length === 0) throw new Refusal('notFound', `stack ${name} not found`);
  return explainLabelled(view, name, labelled, now);
}

async function suspend(call: Call, context: Context, on: boolean): Promise<Answer> {
  const name = parameter(call);
  await submit(context, call, suspendStack(name, on, whoOf(call)));
  return { status: 200, json: await details(context, name) };
}

async function deploy(call: Call, context: Context): Promise<Answer> {
  const name = parameter(call);
  const { Spec, Prune = false, Force = false, ResolveImage = 'changed', RegistryAuth = {}, Who, Expect } = await decodeBody(call.request, stackDeployRequest);
  const who = Who ?? whoOf(call);
  const asked = wholeSpec(name, Spec);
  const { spec, untold } = await resolved(asked, ResolveImage, RegistryAuth, context);
  const digest = await inTurns(specDigest(asked), context.clock);
  const options = {
    source: { Kind: 'deploy' },
    digest,
    prune: Prune,
    force: Force,
    registryAuth: RegistryAuth,
    ...(who !== undefined && { who }),
    ...(Expect !== undefined && { expect: Expect }),
  } as const;
  const Warnings = [...untoldWarnings(untold), ...asked.Services.flatMap((each) => engineSocketWarning(each) ?? [])];
  return { status: 200, json: { ...(await submit(context, call, deployStack(spec, options))), ...(Warnings.length > 0 && { Warnings }) } };
}

/** The stack with the digests that registries told. Refuses, before anything is changed, where all were asked for and one was not told. */
async function resolved(
  spec: StackSpec,
  when: ResolveImages,
  auths: Readonly<Record<string, string>>,
  context: Context,
): Promise<{ spec: StackSpec; untold: readonly string[] }> {
  const names = servicesToAsk(await readView(context), spec, when);
  if (names.size === 0 || !context.registries) return { spec, untold: [] };
  const found = withDigests(spec, names, await context.registries.ask(imagesOf(spec, names), auths));
  if (when !== 'always' || found.untold.length === 0) return found;
  const images = found.untold.join(', ');
  throw new Refusal('unavailable', `no registry tells the digest of ${images}, and --resolve-image always asks for it: nothing was changed`);
}

async function plan(call: Call, context: Context): Promise<Answer> {
  const { Spec, Prune = false } = await decodeBody(call.request, stackDeployRequest);
  requireManager(context.swarm.status());
  return { status: 200, json: await context.reconciler.plan(wholeSpec(parameter(call), Spec), { prune: Prune }) };
}

/** Lists that the client left out are empty. */
function wholeSpec(Name: string, spec: Partial<StackSpec> | undefined): StackSpec {
  if (!spec) throw new HttpError(400, 'Spec must be provided');
  if ((spec.Name ?? Name) !== Name) throw new HttpError(400, `stack ${Name}: the spec is named ${spec.Name}`);
  const { Networks = [], Secrets = [], Configs = [], Services = [] } = spec;
  const External = { Networks: [], Secrets: [], Configs: [], ...spec.External };
  const { Secrets: secrets = [], Configs: configs = [] }: Partial<NonNullable<StackSpec['Versioned']>> = spec.Versioned ?? {};
  const Versioned = spec.Versioned && { Secrets: secrets, Configs: configs };
  return { Name, Networks, Secrets, Configs, Services, External, ...(Versioned && { Versioned }) };
}

/** Gives the stack to the repository whose folder of that name waits for it, and lets it look at once. */
async function adopt(call: Call, context: Context): Promise<Answer> {
  const name = parameter(call);
  const { Repository } = await decodeBody(call.request, stackAdoptRequest);
  const adopter = adopterOf(await readView(context), name, Repository);
  if (flag(call, 'dry')) {
    const Lines = await context.reconciler.adoption(name, adopter);
    return { status: 200, json: { Repository: adopter.Repository, Commit: adopter.Commit, Lines } };
  }
  await submit(context, call, adoptStack(name, adopter, whoOf(call)));
  await context.reconciler.sync(adopter.Repository);
  return { status: 200, json: await details(context, name) };
}

/** The one repository that holds a folder of that name for it, or the one that is named. */
function adopterOf(view: View, name: string, wanted: string | undefined): Adopter {
  const waiting = [...view.list('repository')].filter(
    ({ Spec, Status }) => own(Status.Held, name) !== undefined && (wanted === undefined || Spec.Name === wanted),
  );
  const stack = view.byName('stack', name);
  const others = waiting.filter(({ Spec }) => !(stack?.Source.Kind === 'repository' && stack.Source.Repository === Spec.Name));
  const [first, ...more] = others;
  if (!first) {
    throw new Refusal(
      'failedPrecondition',
      `no repository${wanted === undefined ? '' : ` ${wanted}`} waits for stack ${name}: there is no folder of that name that is held`,
    );
  }
  if (more.length > 0) {
    throw new Refusal(
      'failedPrecondition',
      `several repositories wait for stack ${name}: say which with --repo (${others.map(({ Spec }) => Spec.Name).join(', ')})`,
    );
  }
  const { Spec, Status } = first;
  const folder = Spec.Path === '' || Spec.Path === '.' ? name : `${Spec.Path.replace(/\/+$/, '')}/${name}`;
  return { Kind: 'repository', Repository: Spec.Name, Path: folder, Commit: Status.Commit ?? '' };
}
