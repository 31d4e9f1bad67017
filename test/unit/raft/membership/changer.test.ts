import { expect, test } from 'vitest';
import { changed } from '#raft/membership/changer';

const group = { voters: ['a', 'b'], learners: ['l'] };

test('members are added, promoted, demoted and removed one at a time', () => {
  expect(changed(group, { type: 'addVoter', id: 'c' })).toEqual({ voters: ['a', 'b', 'c'], learners: ['l'] });
  expect(changed(group, { type: 'addVoter', id: 'l' })).toEqual({ voters: ['a', 'b', 'l'], learners: [] });
  expect(changed(group, { type: 'addLearner', id: 'b' })).toEqual({ voters: ['a'], learners: ['b', 'l'] });
  expect(changed(group, { type: 'remove', id: 'a' })).toEqual({ voters: ['b'], learners: ['l'] });
});

test('repeating a change is harmless', () => {
  expect(changed(group, { type: 'addVoter', id: 'a' })).toEqual(group);
  expect(changed(group, { type: 'remove', id: 'nobody' })).toEqual(group);
});

test('the last voter can neither go nor be demoted', () => {
  const alone = { voters: ['a'], learners: ['l'] };
  expect(changed(alone, { type: 'remove', id: 'a' })).toBeUndefined();
  expect(changed(alone, { type: 'addLearner', id: 'a' })).toBeUndefined();
});
