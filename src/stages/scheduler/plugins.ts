/** The plugin filter: volume, network and log drivers that a task needs must be on the node. */
import { engineDrivers } from '#model/object/network';
import type { Task } from '#model/object/task';
import { pendingTexts } from '#model/health/pending-reason';
import type { Candidate } from './candidate.ts';
import { onNodes, type Filter } from './filter.ts';

export interface Need {
  type: 'Volume' | 'Network' | 'Log';
  name: string;
}

/** Drivers that every engine has, or that are our own doing. */
const builtIn: Readonly<Record<Need['type'], readonly string[]>> = {
  Volume: ['local'],
  Network: ['overlay', 'none', ...engineDrivers],
  Log: ['none'],
};

export function pluginFilter(task: Task): Filter | undefined {
  const needs = neededPlugins(task);
  if (needs.length === 0) return undefined;
  return {
    accepts: (candidate) => needs.every((need) => hasPlugin(candidate, need)),
    explain: onNodes(pendingTexts.plugin),
  };
}

/** What not every engine has. */
export function neededPlugins(task: Task): Need[] {
  return needsOf(task).filter(({ type, name }) => name !== '' && !builtIn[type].includes(name));
}

function needsOf(task: Task): Need[] {
  const needs: Need[] = [];
  for (const mount of task.Spec.ContainerSpec?.Mounts ?? []) {
    if (mount.Type === 'volume') needs.push({ type: 'Volume', name: mount.VolumeOptions?.DriverConfig?.Name ?? '' });
  }
  for (const { Network } of task.NetworksAttachments ?? []) {
    needs.push({ type: 'Network', name: Network.Spec.Driver ?? '' });
  }
  needs.push({ type: 'Log', name: task.Spec.LogDriver?.Name ?? '' });
  return needs;
}

function hasPlugin({ node }: Candidate, { type, name }: Need): boolean {
  const plugins = node.Description?.Engine.Plugins;
  // A node that says nothing of its plugins may have any.
  if (!plugins) return true;
  const ofType = plugins.filter((plugin) => plugin.Type === type);
  if (type === 'Log' && ofType.length === 0) return true;
  return ofType.some((plugin) => plugin.Name === name || plugin.Name === `${name}:latest`);
}
