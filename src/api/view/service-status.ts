/** Counts of a service's tasks, as `service ls` shows them (swarmkit ListServiceStatuses). */
import { isFinishedJob, modeOf, type Service } from '#model/object/service';
import type { Task } from '#model/object/task';

export interface ServiceStatus {
  RunningTasks: number;
  DesiredTasks: number;
  CompletedTasks: number;
}

export function serviceStatus(service: Service, tasks: Iterable<Task>): ServiceStatus {
  const mode = modeOf(service.Spec);
  const iteration = service.JobStatus?.JobIteration.Index;
  const status = { RunningTasks: 0, DesiredTasks: 0, CompletedTasks: 0 };
  for (const task of tasks) {
    const { State } = task.Status;
    // Tasks of an earlier run of a job count for nothing.
    if (iteration !== undefined && task.JobIteration?.Index !== iteration) continue;
    if (State === 'running') status.RunningTasks++;
    if (iteration !== undefined && State === 'complete') status.CompletedTasks++;
    if (mode === 'global' && task.DesiredState === 'running') status.DesiredTasks++;
    if (mode === 'global-job' && task.DesiredState === 'complete' && State !== 'complete') status.DesiredTasks++;
  }
  if (mode === 'replicated') status.DesiredTasks = service.Spec.Mode?.Replicated?.Replicas ?? 1;
  if (mode === 'replicated-job') status.DesiredTasks = service.Spec.Mode?.ReplicatedJob?.MaxConcurrent ?? 1;
  // What counts as over shows no task that was.
  if (isFinishedJob(service)) status.CompletedTasks = service.Spec.Mode?.ReplicatedJob?.TotalCompletions ?? status.DesiredTasks;
  return status;
}
