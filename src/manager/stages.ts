/** The stages of a pass, in their order. */
import { allocate } from '#allocator/allocator';
import { allocateGateways } from '#allocator/gateways';
import { orphanTasks } from '#dispatcher/orphans';
import { orchestrate } from '#orchestrator/orchestrator';
import { schedule } from '#scheduler/scheduler';
import type { Stage } from '#store/stage';

/** What a node leaves behind is known before tasks are made, and who is where before gateways are given. */
export const stages: readonly Stage[] = [orphanTasks, orchestrate, allocate, schedule, allocateGateways];
