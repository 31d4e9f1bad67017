/** A bind of the engine's socket: on a cluster of ours the container gets our socket in its place, which knows all that the engine's does, and the cluster. */
import { posix } from 'node:path';
import type { Labels } from '../object/meta.ts';
import type { Mount, ServiceSpec } from '../object/service-spec.ts';
import { optionPrefix } from './service-options.ts';

const engineSocket = '/run/docker.sock';

/** True for a bind of the engine's socket that is not asked for as it is written. */
export function meansEngine({ Type, Source = '' }: Mount, labels: Labels | undefined): boolean {
  return Type === 'bind' && labels?.[`${optionPrefix}engine-socket`] !== 'true' && plainPath(Source) === engineSocket;
}

/** /var/run is /run on every host that Docker runs on. */
function plainPath(path: string): string {
  return posix
    .normalize(path)
    .replace(/\/$/, '')
    .replace(/^\/var\/run\//, '/run/');
}

/** Told to who deploys the service; undefined where there is nothing to tell. */
export function engineSocketWarning({ Name, Labels, TaskTemplate }: ServiceSpec): string | undefined {
  const bound = TaskTemplate.ContainerSpec?.Mounts?.find((mount) => meansEngine(mount, Labels));
  if (!bound) return undefined;
  const own = 'x-shoal: {engine-socket: true}, or the label shoal.engine-socket=true,';
  return `service ${Name} binds ${bound.Source}: it gets shoal's own socket, which shows the cluster and all else of the engine; ${own} gives it the engine's`;
}
