import { expect, test } from 'vitest';
import { containerLabels } from '#task/labels';
import { makeTask } from '#test/support/worker';

test.each([
  [{}, undefined],
  [{ 'shoal.fence': 'false' }, undefined],
  [{ 'shoal.fence': 'true' }, '5000'],
  [{ 'shoal.fence': '90s' }, '90000'],
])('a container knows how long its node may be cut off while it runs: %j', (ServiceLabels, expected) => {
  const task = makeTask('t1');
  expect(containerLabels({ ...task, Shoal: { ...task.Shoal, ServiceLabels } }, 'n1')['shoal.fence.milliseconds']).toBe(expected);
});
