/** What parts of the program count and time of themselves, by name; whoever shows it hands in the meter. */

export interface Measure {
  readonly help: string;
  readonly labels: readonly string[];
  /** All values of its one label: each is told as 0 from the beginning, so that the first count is seen as one. */
  readonly values?: readonly string[];
}

/** They only grow. A label's values are few, or as many as there are objects of that kind. */
export const counters = {
  shoal_raft_proposals_total: {
    help: 'Changes that this manager proposed to the log as its leader, by what became of them.',
    labels: ['result'],
    values: ['committed', 'without_effect', 'failed'],
  },
  shoal_raft_leader_changes_total: { help: 'How often this manager saw another leader than before.', labels: [] },
  shoal_pass_long_turns_total: { help: 'Turns of the event loop of more than 20 ms that the leader’s decisions took.', labels: [] },
  shoal_heartbeats_received_total: { help: 'Beats of nodes that this leader took.', labels: [] },
  shoal_heartbeats_sent_total: { help: 'Beats of this node to its manager, by result.', labels: ['result'], values: ['answered', 'failed'] },
  shoal_image_pulls_total: { help: 'Pulls of images on this node, by result.', labels: ['result'], values: ['pulled', 'failed', 'cancelled'] },
  shoal_repository_syncs_total: { help: 'Looks at a repository by this leader, by result.', labels: ['repository', 'result'] },
  shoal_service_restarts_total: { help: 'Tasks of the service that took the place of one that ended by itself.', labels: ['service'] },
  shoal_service_task_failures_total: { help: 'Tasks of the service that failed or were rejected.', labels: ['service'] },
  shoal_service_rollbacks_total: { help: 'Rollbacks of the service that began, by itself or by hand.', labels: ['service'] },
  shoal_nodes_lost_total: { help: 'How often a node was noted as down.', labels: [] },
} as const satisfies Record<string, Measure>;

/** Durations in seconds. */
export const timers = {
  shoal_log_sync_seconds: { help: 'What it takes to write a record to the log on this manager’s disk and sync it.', labels: [] },
  shoal_raft_commit_seconds: { help: 'From a change’s proposal at this leader until it is committed and applied.', labels: [] },
  shoal_pass_seconds: { help: 'What the leader takes to decide on one entry of the log, its pauses included.', labels: [] },
  shoal_scheduling_delay_seconds: { help: 'From a task’s creation until it has a node.', labels: [] },
  shoal_image_pull_seconds: { help: 'What pulls of images on this node take.', labels: [] },
  shoal_repository_sync_seconds: { help: 'What a look at a repository takes, from fetching to what is written.', labels: ['repository'] },
} as const satisfies Record<string, Measure>;

/** Values that are told when they change. */
export const notes = {
  shoal_repository_last_success_timestamp_seconds: {
    help: 'When this manager, as leader, last read the repository without trouble, in seconds since 1970.',
    labels: ['repository'],
  },
} as const satisfies Record<string, Measure>;

export type Counted = keyof typeof counters;
export type Timed = keyof typeof timers;
export type Noted = keyof typeof notes;
export type Labels = Readonly<Record<string, string>>;

export interface Meter {
  count(name: Counted, labels?: Labels): void;
  took(name: Timed, seconds: number, labels?: Labels): void;
  note(name: Noted, value: number, labels?: Labels): void;
}

/** Where nobody looks. */
export const noMeter: Meter = { count: () => {}, took: () => {}, note: () => {} };
