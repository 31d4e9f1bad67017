/** Routes of our own, beside Docker's: stacks and repositories as objects, the reconciler's events, health, metrics. */
import { Refusal } from '#base/refusal';
import { createRepository, removeRepository } from '#control/repository/repositories';
import { deployStack, removeStack } from '#control/stack/stacks';
import type { Repository } from '#model/repository';
import type { StackSpec } from '#model/stack';
import { decodeBody } from '../request/body.ts';
import { readObject, readView, submit, type Context } from '../context.ts';
import type { View } from '../dependencies.ts';
import { HttpError } from '../errors.ts';
import { aborted } from '../stream/events.ts';
import { LineOutput } from '../stream/line-output.ts';
import type { Metrics } from './metrics.ts';
import { shown } from '../view/redact.ts';
import { flag, get, parameter, post, remove, type Answer, type Call, type Route } from '../router.ts';
import { repositorySpec, stackDeployRequest } from '../request/bodies.ts';
import { stackDetails, stackSummaries } from '../view/stack-summary.ts';

/** Unsent bytes after which a client that does not read is cut off. */
const backlogLimitBytes = 1024 * 1024;

export function stackRoutes(context: Context): Route[] {
  return [
    post('/shoal/v1/stacks/{}', (call) => deploy(call, context)),
    get('/shoal/v1/stacks', async () => ({ status: 200, json: stackSummaries(await readView(context)) })),
    get('/shoal/v1/stacks/{}', async (call) => {
      const details = stackDetails(await readView(context), parameter(call));
      if (!details) throw new Refusal('notFound', `stack ${parameter(call)} not found`);
      return { status: 200, json: details };
    }),
    remove('/shoal/v1/stacks/{}', async (call) => ({ status: 200, json: await submit(context, removeStack(parameter(call))) })),
  ];
}

async function deploy(call: Call, context: Context): Promise<Answer> {
  const name = parameter(call);
  const { Spec, Prune = false, RegistryAuth = {} } = await decodeBody(call.request, stackDeployRequest);
  if (!Spec) throw new HttpError(400, 'Spec must be provided');
  if ((Spec.Name ?? name) !== name) throw new HttpError(400, `stack ${name}: the spec is named ${Spec.Name}`);
  const options = { source: { Kind: 'deploy' }, prune: Prune, registryAuth: RegistryAuth } as const;
  return { status: 200, json: await submit(context, deployStack(wholeSpec(name, Spec), options)) };
}

/** Lists that the client left out are empty. */
function wholeSpec(Name: string, spec: Partial<StackSpec>): StackSpec {
  const { Networks = [], Secrets = [], Configs = [], Services = [] } = spec;
  const External = { Networks: [], Secrets: [], Configs: [], ...spec.External };
  return { Name, Networks, Secrets, Configs, Services, External };
}

export function repositoryRoutes(context: Context): Route[] {
  return [
    get('/shoal/v1/repositories', async () => {
      const view = await readView(context);
      return { status: 200, json: [...view.list('repository')].map((repository) => repositoryBody(view, repository)) };
    }),
    get('/shoal/v1/repositories/{}', async (call) => {
      const repository = await readObject(context, 'repository', parameter(call));
      return { status: 200, json: repositoryBody(await readView(context), repository) };
    }),
    post('/shoal/v1/repositories', async (call) => {
      const spec = await decodeBody(call.request, repositorySpec);
      return { status: 201, json: await submit(context, createRepository({ ...spec, Path: spec.Path ?? '' })) };
    }),
    post('/shoal/v1/repositories/{}/sync', async (call) => {
      const { ID, Spec } = await readObject(context, 'repository', parameter(call));
      await context.sync.repository(Spec.Name);
      return { status: 200, json: repositoryBody(await readView(context), await readObject(context, 'repository', ID)) };
    }),
    remove('/shoal/v1/repositories/{}', (call) => removeOne(call, context)),
  ];
}

function repositoryBody(view: View, repository: Repository): object {
  const { Name } = repository.Spec;
  const Stacks = stackSummaries(view).filter(({ Source }) => Source.Kind === 'repository' && Source.Repository === Name);
  return { ...shown('repository', repository), Stacks };
}

/** The repository goes first, so that nothing deploys its stacks again while they are removed. */
async function removeOne(call: Call, context: Context): Promise<Answer> {
  const repository = await readObject(context, 'repository', parameter(call));
  const view = await readView(context);
  const owned = stackSummaries(view).filter(({ Source }) => Source.Kind === 'repository' && Source.Repository === repository.Spec.Name);
  await submit(context, removeRepository(repository.ID));
  for (const { Name, Services } of flag(call, 'prune') ? owned : []) {
    // A folder that was never applied has nothing to remove: its record went with the repository.
    if (Services > 0) await submit(context, removeStack(Name));
  }
  return { status: 204 };
}

export function observationRoutes(context: Context, metrics: Metrics): Route[] {
  return [
    get('/shoal/v1/events', (call) => streamReconcileEvents(call, context)),
    get('/healthz', (call) => sendText(call, 'text/plain; charset=utf-8', 'ok')),
    get('/metrics', async (call) => sendText(call, metrics.contentType, await metrics.text())),
  ];
}

async function streamReconcileEvents(call: Call, context: Context): Promise<Answer> {
  const { response } = call;
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.flushHeaders();
  const output = new LineOutput(response, backlogLimitBytes, context.logger);
  const stop = context.reconcileEvents.watch((event) => output.write(JSON.stringify(event)));
  await aborted(AbortSignal.any([call.signal, output.signal]));
  stop();
  response.end();
  return 'sent';
}

function sendText({ response }: Call, type: string, text: string): Answer {
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
  return 'sent';
}
