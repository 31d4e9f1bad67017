/** How a service's tasks are to be replaced: its update or rollback settings with Docker's defaults filled in. */
import { defaults } from '#model/object/service';
import type { UpdateConfig } from '#model/object/service-spec';
import { wholeMilliseconds, type Draft } from '../draft.ts';

export interface RolloutConfig {
  /** Slots in work at a time. */
  parallelism: number;
  delayMs: number;
  /** A task that ends this soon after it came up counts as failed. */
  monitorMs: number;
  failureAction: 'pause' | 'continue' | 'rollback';
  maxFailureRatio: number;
  startFirst: boolean;
}

/** The settings that are in force: the rollback's while rolling back. */
export function rolloutConfig(draft: Draft): RolloutConfig {
  const { Spec: spec, UpdateStatus: status } = draft.service;
  const config: UpdateConfig = (status?.State === 'rollback_started' ? spec.RollbackConfig : spec.UpdateConfig) ?? defaults.update;
  return {
    // Within a given config 0 and nothing both mean: all at once.
    parallelism: config.Parallelism || Infinity,
    delayMs: wholeMilliseconds(config.Delay, defaults.update.Delay),
    monitorMs: wholeMilliseconds(config.Monitor || undefined, defaults.update.Monitor),
    failureAction: failureAction(config.FailureAction),
    maxFailureRatio: config.MaxFailureRatio ?? defaults.update.MaxFailureRatio,
    startFirst: config.Order === 'start-first',
  };
}

function failureAction(text: string | undefined): RolloutConfig['failureAction'] {
  return text === 'continue' || text === 'rollback' ? text : 'pause';
}
