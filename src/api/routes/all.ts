/** Every route that the API answers itself. */
import type { Context } from '../context.ts';
import type { Route } from '../router.ts';
import { eventRoutes } from '../stream/events.ts';
import { logRoutes } from '../stream/logs.ts';
import { doctorRoutes } from '../nodes/network-doctor.ts';
import { backupRoutes } from './cluster/backups.ts';
import { containerRoutes } from './containers.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { networkRoutes } from './networks.ts';
import { nodeRoutes } from './nodes.ts';
import { configRoutes, secretRoutes } from './secrets-and-configs.ts';
import { serviceRoutes } from './services.ts';
import { observationRoutes } from './observation.ts';
import { progressRoutes } from './progress.ts';
import { hostedRoutes } from './stack/hosted.ts';
import { repositoryRoutes } from './stack/repositories.ts';
import { deedRoutes } from './stack/deeds.ts';
import { revisionRoutes } from './stack/revisions.ts';
import { stackRoutes } from './stack/stacks.ts';
import { swarmRoutes } from './cluster/swarm.ts';
import { pingRoutes, systemRoutes } from './system.ts';
import { taskRoutes } from './tasks.ts';

/** @param besideSwarm the cluster is the engine's own: only stacks, repositories and what is seen of them are ours */
export function allRoutes(context: Context, metrics: Metrics, besideSwarm: boolean): Route[] {
  const own = [
    ...revisionRoutes(context),
    ...deedRoutes(context),
    ...stackRoutes(context),
    ...repositoryRoutes(context),
    ...hostedRoutes(context),
    ...progressRoutes(context),
    ...observationRoutes(context, metrics),
  ];
  return [...(besideSwarm ? pingRoutes(context) : clusterRoutes(context)), ...own];
}

function clusterRoutes(context: Context): Route[] {
  const kinds = [
    systemRoutes,
    swarmRoutes,
    backupRoutes,
    nodeRoutes,
    serviceRoutes,
    logRoutes,
    taskRoutes,
    secretRoutes,
    configRoutes,
    networkRoutes,
    doctorRoutes,
    containerRoutes,
    eventRoutes,
  ];
  return kinds.flatMap((routes) => routes(context));
}
