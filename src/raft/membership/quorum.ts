/** Majorities: what a set of voters has committed and decided. */

export type VoteResult = 'won' | 'lost' | 'pending';

/** Members needed for a majority of `count`. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** The largest value that a majority of `voters` has reached; members unknown to `reached` count as 0. */
export function quorumValue(voters: readonly string[], reached: (id: string) => number): number {
  if (voters.length === 0) return 0;
  const values = voters.map(reached).sort((a, b) => b - a);
  return values[majority(voters.length) - 1] ?? 0;
}

/** Result of an election with the `votes` that have arrived. */
export function voteResult(voters: readonly string[], votes: ReadonlyMap<string, boolean>): VoteResult {
  const needed = majority(voters.length);
  let granted = 0;
  let open = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === true) granted++;
    else if (vote === undefined) open++;
  }
  if (granted >= needed) return 'won';
  return granted + open >= needed ? 'pending' : 'lost';
}
