/** Keeps containers that are not tasks out of the cluster's networks: their addresses are the cluster's to give. */
import { pause } from '#base/clock';
import { Refusal } from '#base/refusal';
import { networkIdLabel, nodeLocalNetworks } from '#model/object/network';
import { findOptional, type Context } from './context.ts';
import type { View } from './dependencies.ts';
import { HttpError } from './errors.ts';
import { retryMs, usualPatienceMs } from './leader/carrier.ts';
import type { NetworkResource } from './view/network.ts';

/**
 * A view where this node is a manager; elsewhere the cluster's networks are simply not seen. Where too few managers answer it is what
 * this one holds: what the engine has of its own goes on, and only changes of the cluster's need the others.
 */
export async function optionalView({ swarm, cluster, leader, clock }: Context): Promise<View | undefined> {
  const { LocalNodeState, ControlAvailable } = swarm.status();
  if (LocalNodeState !== 'active' || !ControlAvailable) return undefined;
  for (const end = clock.monotonicNow() + usualPatienceMs; ;) {
    try {
      return await cluster.read();
    } catch (error) {
      if (!leader || !(error instanceof Refusal) || error.code !== 'unavailable') throw error;
      if (leader.lost() || clock.monotonicNow() >= end) return leader.view();
    }
    await pause(clock, retryMs);
  }
}

/**
 * Refuses `what` with 403 when `ref` is one of the cluster's networks, or the engine's network that stands for one,
 * by whatever name or beginning of an id.
 */
export async function refuseOwnNetwork(context: Context, ref: string, what: string): Promise<void> {
  if (ref === '' || ref === 'default' || nodeLocalNetworks.includes(ref) || ref.startsWith('container:')) return;
  const view = await optionalView(context);
  const ours = view && findOptional(view, 'network', ref);
  const local = await context.engine.read<NetworkResource>(`/networks/${encodeURIComponent(ref)}`);
  refuseStandIn(view, local, what);
  // A network of the engine's own goes before one of ours whose id merely begins like its name.
  const named = ours !== undefined && [ours.Spec.Name, ours.ID].includes(ref);
  if (ours && (named || !local)) throw refusal(ours.Spec.Name, what);
}

/** Refuses when the engine's network stands for one of the cluster's. */
export function refuseStandIn(view: View | undefined, local: NetworkResource | undefined, what: string): void {
  const id = local?.Labels?.[networkIdLabel];
  if (local && id !== undefined) throw refusal(view?.get('network', id)?.Spec.Name ?? local.Name, what);
}

function refusal(name: string, what: string): HttpError {
  return new HttpError(403, `network ${name} belongs to the cluster: ${what} is not supported, only the tasks of services are attached to it`);
}
