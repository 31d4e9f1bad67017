/** Why nothing is written for a repository now, or why it is though a window holds, in a sentence. */
import type { Repository } from '#model/object/repository';
import { stillness } from '../repository/stillness.ts';

export function stillSentence(repository: Repository, now: number): string[] {
  const { Name } = repository.Spec;
  const still = stillness(repository, now);
  if (!still) return thawSentence(repository, now);
  return [
    still.state === 'suspended'
      ? `Repository ${Name} is suspended since ${repository.Suspended?.Since ?? ''}: nothing is written for it before \`shoal repo resume ${Name}\`.`
      : `Repository ${Name} is frozen (${still.window}): nothing is written for it before that ends, or \`shoal repo thaw ${Name} --reason …\`.`,
  ];
}

function thawSentence({ Thawed, ...rest }: Repository, now: number): string[] {
  const still = stillness(rest, now);
  if (!Thawed || still?.state !== 'frozen') return [];
  const who = Thawed.Who === undefined ? '' : ` for ${Thawed.Who}`;
  return [`Its freeze (${still.window}) is open until ${Thawed.Until}${who}: ${Thawed.Reason}.`];
}
