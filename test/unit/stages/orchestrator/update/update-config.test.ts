import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import type { UpdateState } from '#model/object/service';
import type { UpdateConfig } from '#model/object/service-spec';
import { rolloutConfig } from '#stages/orchestrator/update/update-config';
import { draft, service } from '#test/support/drafts';

const usual = { parallelism: 1, delayMs: 0, monitorMs: 5000, failureAction: 'pause', maxFailureRatio: 0, startFirst: false };

test.each<[string, UpdateConfig | undefined, UpdateConfig | undefined, UpdateState | undefined, object]>([
  ['the defaults', undefined, undefined, undefined, usual],
  ['a given config without parallelism', {}, undefined, undefined, { ...usual, parallelism: Infinity }],
  ['0 is all', { Parallelism: 0 }, undefined, undefined, { ...usual, parallelism: Infinity }],
  ['a monitor of 0 is the default', { Parallelism: 1, Monitor: 0 }, undefined, undefined, usual],
  [
    'all given',
    { Parallelism: 2, Delay: second / 2, Monitor: second, FailureAction: 'rollback', MaxFailureRatio: 0.5, Order: 'start-first' },
    undefined,
    'updating',
    { parallelism: 2, delayMs: 500, monitorMs: 1000, failureAction: 'rollback', maxFailureRatio: 0.5, startFirst: true },
  ],
  ['a rollback has its own', { Parallelism: 2 }, { Parallelism: 3 }, 'rollback_started', { ...usual, parallelism: 3 }],
  ['a rollback without its own', { Parallelism: 2 }, undefined, 'rollback_started', usual],
])('%s', (_name, UpdateConfig, RollbackConfig, state, expected) => {
  const of = service(
    { ...(UpdateConfig && { UpdateConfig }), ...(RollbackConfig && { RollbackConfig }) },
    state ? { UpdateStatus: { State: state, Message: '' } } : {},
  );
  expect(rolloutConfig(draft(of))).toEqual(expected);
});
