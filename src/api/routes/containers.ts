/** Containers: only tasks are attached to the cluster's networks, and what is asked about a task's container is answered wherever that is. */
import { HttpError } from '../errors.ts';
import type { Context } from '../context.ts';
import { createGuest } from '../guests/guest-routes.ts';
import { askAnywhere } from '../nodes/anywhere.ts';
import { listContainers } from '../nodes/inspected.ts';
import { shownRoutes } from '../nodes/shown.ts';
import { refuseOwnNetwork } from '../own-networks.ts';
import { parseBody, readBody } from '../request/body.ts';
import { networksOfContainer } from '../request/container-body.ts';
import { get, post, type Answer, type Call, type Route } from '../router.ts';

/** Networks that one container is attached to at most: each is looked up. */
const networksLimit = 64;

export function containerRoutes(context: Context): Route[] {
  const shown = shownRoutes.map((route) => ({ ...route, handler: (call: Call) => askAnywhere(call, context) }));
  const listed = get('/containers/json', ({ target }) => listContainers(context.engine, target));
  return [listed, post('/containers/create', (call) => create(call, context)), ...shown];
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
