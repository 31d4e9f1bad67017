/** What requests with an id were answered, as part of the replicated state: who asks again gets the same answer, and nothing happens twice. */
import type { Answer } from './action.ts';

export interface KnownAnswer extends Answer {
  /** Leader's time of the entry, milliseconds. */
  at: number;
}

export interface AnswerLimits {
  count: number;
  /** By the times that leaders wrote into entries, never by a clock. */
  ageMs: number;
  /** Of all results together, as JSON. */
  bytes: number;
}

const answerLimits: AnswerLimits = { count: 10_000, ageMs: 600_000, bytes: 4 * 1024 * 1024 };

interface Kept {
  answer: KnownAnswer;
  bytes: number;
}

export class Answers {
  readonly #limits: AnswerLimits;
  /** Oldest first: all managers forget the same ones at the same entry. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(limits: AnswerLimits = answerLimits) {
    this.#limits = limits;
  }

  find(id: string): KnownAnswer | undefined {
    return this.#kept.get(id)?.answer;
  }

  /** All that are known, oldest first. */
  all(): KnownAnswer[] {
    return [...this.#kept.values()].map(({ answer }) => answer);
  }

  /** Notes the answers of an entry of time `at`; returns which came and which were forgotten. */
  add(answers: readonly Answer[], at: number): { added: readonly KnownAnswer[]; forgotten: readonly KnownAnswer[] } {
    const added: KnownAnswer[] = [];
    const forgotten: KnownAnswer[] = [];
    for (const answer of answers) {
      const before = this.#kept.get(answer.id);
      if (before) forgotten.push(this.#forget(answer.id, before));
      added.push(this.#keep({ ...answer, at }));
    }
    for (const [id, kept] of this.#kept) {
      const { count, ageMs, bytes } = this.#limits;
      if (this.#kept.size <= count && this.#bytes <= bytes && kept.answer.at >= at - ageMs) break;
      forgotten.push(this.#forget(id, kept));
    }
    return { added, forgotten };
  }

  /** Replaces everything by a snapshot's content. */
  restore(answers: readonly KnownAnswer[]): void {
    this.#kept.clear();
    this.#bytes = 0;
    for (const answer of answers) this.#keep(answer);
  }

  #keep(answer: KnownAnswer): KnownAnswer {
    const bytes = JSON.stringify(answer).length;
    this.#kept.set(answer.id, { answer, bytes });
    this.#bytes += bytes;
    return answer;
  }

  #forget(id: string, { answer, bytes }: Kept): KnownAnswer {
    this.#kept.delete(id);
    this.#bytes -= bytes;
    return answer;
  }
}
