/** The stages of a pass, in their order. */
import { allocate } from '#stages/allocator/allocator';
import { allocateGateways } from '#stages/allocator/gateways';
import { orphanTasks } from '#stages/dispatcher/orphans';
import { orchestrate } from '#stages/orchestrator/orchestrator';
import { schedule } from '#stages/scheduler/scheduler';
import type { Stage } from '#store/stage';

/** What a node leaves behind is known before tasks are made, and who is where before gateways are given. */
export const stages: readonly Stage[] = [orphanTasks, orchestrate, allocate, schedule, allocateGateways];
