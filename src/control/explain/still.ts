/** Why nothing is written for a repository now, in a sentence. */
import type { Repository } from '#model/object/repository';
import { stillness } from '../repository/stillness.ts';

export function stillSentence(repository: Repository, now: number): string[] {
  const { Name } = repository.Spec;
  const still = stillness(repository, now);
  if (!still) return [];
  return [
    still.state === 'suspended'
      ? `Repository ${Name} is suspended since ${repository.Suspended?.Since ?? ''}: nothing is written for it before \`shoal repo resume ${Name}\`.`
      : `Repository ${Name} is frozen (${still.window}): nothing is written for it before that ends, or \`shoal repo thaw ${Name} --reason …\`.`,
  ];
}
