/** Containers: only tasks are attached to the cluster's networks, and what is asked about a task's container is answered wherever that is. */
import { HttpError } from '../errors.ts';
import type { Context } from '../context.ts';
import { createGuest } from '../guests/guest-routes.ts';
import { askAnywhere } from '../nodes/anywhere.ts';
import { listContainers } from '../nodes/inspected.ts';
import { shownRoutes } from '../nodes/shown.ts';
import type { View } from '../dependencies.ts';
import { clusterIdOf, hasOwnNetworks, standIns, standInShown, type ShownContainer } from '../engine/stand-ins.ts';
import { optionalView, refuseOwnNetwork } from '../own-networks.ts';
import { parseBody, readBody } from '../request/body.ts';
import { networksOfContainer } from '../request/container-body.ts';
import { get, parameter, post, type Answer, type Call, type Route } from '../router.ts';

/** Networks that one container is attached to at most: each is looked up. */
const networksLimit = 64;

export function containerRoutes(context: Context): Route[] {
  const shown = shownRoutes.map((route) => ({ ...route, handler: (call: Call) => askAnywhere(call, context) }));
  const listed = get('/containers/json', ({ target }) => listContainers(context.engine, target));
  const started = ['start', 'restart'].map((word) => post(`/containers/{}/${word}`, (call) => start(call, context)));
  return [listed, post('/containers/create', (call) => create(call, context)), ...started, ...shown];
}

/** A container that was made on one of the cluster's networks starts there for as long as that is one, and with another address where its own was given on since. */
async function start(call: Call, context: Context): Promise<Answer> {
  const { engine, guests, nodes } = context;
  const container = await engine.read<Container>(`/containers/${encodeURIComponent(parameter(call))}/json`);
  const brought = container && hasOwnNetworks(container) && !nodes?.isTask(container.Id) ? container : undefined;
  const view = brought && (await optionalView(context));
  const gone = view && (await removedNetworkOf(context, view, brought));
  if (gone !== undefined) throw new HttpError(404, `network ${gone} not found`);
  const started = brought && (await guests?.wake(brought.Id));
  try {
    await engine.passThrough(call.request, call.response, call.target);
  } finally {
    started?.();
  }
  return 'sent';
}

interface Container extends ShownContainer {
  Id: string;
}

/** The name of the first network that it is on, and that the cluster has no more. */
async function removedNetworkOf({ engine }: Context, view: View, container: Container): Promise<string | undefined> {
  const here = await standIns(engine);
  const endpoints = Object.entries(container.NetworkSettings?.Networks ?? {});
  const networks = [...here.values()].filter(({ Id, Name }) => endpoints.some(([name, { NetworkID }]) => (NetworkID ? NetworkID === Id : name === Name)));
  const gone = networks.find((network) => !view.get('network', clusterIdOf(network)));
  return gone && standInShown(gone).Name;
}

async function create(call: Call, context: Context): Promise<Answer> {
  const bytes = await readBody(call.request);
  // What is no JSON the engine refuses in its own words.
  const networks = bytes.length === 0 ? [] : networksOfContainer(parseBody(bytes));
  if (networks.length > networksLimit) throw new HttpError(400, `a container is attached to at most ${networksLimit} networks`);
  if (context.guests && networks.length > 0) {
    const made = await createGuest(call, context, context.guests, parseBody(bytes), networks);
    if (made) return made;
  }
  for (const network of networks) await refuseOwnNetwork(context, network, 'attaching a container that is no task');
  await context.engine.passThrough(call.request, call.response, call.target, bytes);
  return 'sent';
}
