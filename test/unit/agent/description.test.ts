import { expect, test } from 'vitest';
import { fitting } from '#agent/description';
import { longestDescription } from '#model/object/assignment';
import { testDescription } from '#test/support/memory-cluster';

test('a description that managers take is told as it is', () => {
  expect(fitting(testDescription)).toEqual({ description: testDescription, left: [] });
});

test('of labels that are longer than managers take the short ones are told', () => {
  const Labels = { long: 'ü'.repeat(400_000), zone: 'a', longer: 'ü'.repeat(500_000) };
  const { description, left } = fitting({ ...testDescription, Engine: { ...testDescription.Engine, Labels } });
  expect([Object.keys(description.Engine.Labels ?? {}), left]).toEqual([['zone', 'long'], ['longer']]);
  expect(Buffer.byteLength(JSON.stringify(description))).toBeLessThanOrEqual(longestDescription);
});
