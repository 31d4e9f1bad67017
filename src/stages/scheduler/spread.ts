/** The tree of spread preferences: tasks of a service go evenly over its branches, at the leaves to the best node. */
import type { Node } from '#model/node';
import type { Task } from '#model/task';
import type { Candidate } from './candidate.ts';
import { Heap } from '#base/heap';

interface Branch {
  /** Active tasks of the service in the branch, on whatever node. */
  tasks: number;
  /** By label value; empty at a leaf. */
  branches: Map<string, Branch>;
  /** Nodes of a leaf that passed the filters. */
  nodes: Heap<Candidate>;
}

type LabelOf = (node: Node) => string;

export interface SpreadOptions {
  accepts(candidate: Candidate): boolean;
  isBetter(a: Candidate, b: Candidate): boolean;
}

/** Places tasks of one group, one after the other; `put` adds each to its candidate, which is ranked anew afterwards. */
export class SpreadTree {
  readonly #root: Branch;
  readonly #options: SpreadOptions;

  constructor(task: Task, candidates: Iterable<Candidate>, options: SpreadOptions) {
    this.#options = options;
    this.#root = this.#newBranch();
    const labels = spreadLabels(task);
    for (const candidate of candidates) this.#insert(candidate, labels, candidate.activeTasksOf(task.ServiceID));
  }

  /** Calls `put` with the node for the next task; false when no node is left. */
  place(put: (candidate: Candidate) => void): boolean {
    return this.#placeIn(this.#root, put);
  }

  /** Aiming always at the emptiest usable branch keeps the branches as even as the filters allow. */
  #placeIn(branch: Branch, put: (candidate: Candidate) => void): boolean {
    if (branch.branches.size === 0) return this.#placeAtLeaf(branch, put);
    for (;;) {
      const next = this.#emptiest(branch);
      if (!next) return false;
      const [value, child] = next;
      if (this.#placeIn(child, put)) {
        branch.tasks++;
        return true;
      }
      branch.branches.delete(value);
      if (branch.branches.size === 0) return false;
    }
  }

  #placeAtLeaf(leaf: Branch, put: (candidate: Candidate) => void): boolean {
    for (let best = leaf.nodes.pop(); best; best = leaf.nodes.pop()) {
      // A node that has been filled by this group drops out.
      if (!this.#options.accepts(best)) continue;
      put(best);
      leaf.nodes.push(best);
      leaf.tasks++;
      return true;
    }
    return false;
  }

  #emptiest(branch: Branch): [value: string, child: Branch] | undefined {
    let chosen: [string, Branch] | undefined;
    for (const [value, child] of branch.branches) {
      if (!chosen || this.#isEmptier(child, chosen[1])) chosen = [value, child];
    }
    return chosen;
  }

  /** Of equally full branches the one with the better node goes first. */
  #isEmptier(a: Branch, b: Branch): boolean {
    if (a.tasks !== b.tasks) return a.tasks < b.tasks;
    const [bestA, bestB] = [this.#best(a), this.#best(b)];
    return bestA !== undefined && (bestB === undefined || this.#options.isBetter(bestA, bestB));
  }

  #best(branch: Branch): Candidate | undefined {
    let best = branch.nodes.peek();
    for (const child of branch.branches.values()) {
      const candidate = this.#best(child);
      if (candidate && (!best || this.#options.isBetter(candidate, best))) best = candidate;
    }
    return best;
  }

  #insert(candidate: Candidate, labels: readonly LabelOf[], tasks: number): void {
    const accepted = this.#options.accepts(candidate);
    // Branches without a usable node must not draw tasks, but tasks on unusable nodes count for their branch.
    if (!accepted && tasks === 0) return;
    let branch = this.#root;
    branch.tasks += tasks;
    for (const label of labels) {
      const value = label(candidate.node);
      const child = branch.branches.get(value) ?? this.#newBranch();
      branch.branches.set(value, child);
      child.tasks += tasks;
      branch = child;
    }
    if (accepted) branch.nodes.push(candidate);
  }

  #newBranch(): Branch {
    return { tasks: 0, branches: new Map(), nodes: new Heap((a, b) => this.#options.isBetter(a, b)) };
  }
}

/** Readers of the labels that the task's preferences name; what is no label is passed over. */
function spreadLabels(task: Task): LabelOf[] {
  return (task.Spec.Placement?.Preferences ?? []).flatMap(({ Spread }) => {
    const descriptor = Spread?.SpreadDescriptor ?? '';
    const match = /^(node|engine)\.labels\.(.+)$/i.exec(descriptor);
    if (!match) return [];
    const key = match[2] ?? '';
    const ofNode = match[1]?.toLowerCase() === 'node';
    return [(node: Node) => (ofNode ? node.Spec.Labels?.[key] : node.Description?.Engine.Labels?.[key]) ?? ''];
  });
}
