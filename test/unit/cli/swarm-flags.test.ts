import { expect, test } from 'vitest';
import { specOf } from '../../../src/cli/commands/swarm/swarm.ts';

test('what is no number is refused, and changes nothing', () => {
  for (const text of ['1O', 'ten', '10 ', '--1', '1e3']) {
    expect(() => specOf({ taskHistoryLimit: text }, {}), text).toThrow('--task-history-limit is a whole number');
    expect(() => specOf({ maxSnapshots: text }, {}), text).toThrow('--max-snapshots is a whole number');
    expect(() => specOf({ snapshotInterval: text }, {}), text).toThrow('--snapshot-interval is a whole number');
  }
  expect(specOf({ taskHistoryLimit: '-1' }, {}).Orchestration).toEqual({ TaskHistoryRetentionLimit: -1 });
  expect(specOf({ taskHistoryLimit: '20' }, {}).Orchestration).toEqual({ TaskHistoryRetentionLimit: 20 });
});
