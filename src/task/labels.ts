/** Labels by which we know what is ours on an engine, and by which Swarm's tools know what they see. */
import { nodeIdLabel, serviceIdLabel, taskIdLabel } from '#model/object/meta';
import { fenceLabel, fenceOf } from '#model/options/fence';
import type { Task } from '#model/object/task';
import { taskName } from '#model/object/task';

/** Swarm's labels of a task's container; they win over the spec's own. */
export function containerLabels(task: Task, nodeId: string): Record<string, string> {
  const fence = fenceOf(task);
  return {
    ...task.Spec.ContainerSpec?.Labels,
    'com.docker.swarm.task': '',
    [taskIdLabel]: task.ID,
    'com.docker.swarm.task.name': taskName(task),
    [nodeIdLabel]: nodeId,
    [serviceIdLabel]: task.ServiceID,
    'com.docker.swarm.service.name': task.Shoal.ServiceName,
    ...(fence !== undefined && { [fenceLabel]: String(fence) }),
  };
}
