/** The unit by which systemd runs the daemon. */

/** What ends or starts the daemon leaves containers, names and published ports as they are. */
const settings = `# It says itself when it answers: before, no command finds it.
Type=notify
NotifyAccess=all
# A long log takes its time to be read.
TimeoutStartSec=infinity
# Only the daemon ends: what answers names for the containers lives on.
KillMode=process
TimeoutStopSec=90
# Three deaths within a minute, and it starts with its API only: see shoal daemon --help.
Restart=always
RestartSec=2
RestartSteps=5
RestartMaxDelaySec=60
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=0
TasksMax=infinity
OOMScoreAdjust=-500
UMask=0027
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native`;

/** The text of a unit that runs `command` (program and arguments, absolute paths). */
export function systemdUnit(command: readonly string[]): string {
  return `[Unit]
Description=shoal, Docker's Swarm mode driven by Git
Wants=network-online.target
After=network-online.target docker.service
# Keeps trying, ever slower: a node that gave up is found by nobody.
StartLimitIntervalSec=0

[Service]
ExecStart=${command.map(unitWord).join(' ')}
${settings}

[Install]
WantedBy=multi-user.target
`;
}

/** A word of a unit's command line: `%` and `$` mean something there, and blanks and quotes part words. */
function unitWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replaceAll(/["\\]/g, '\\$&')}"`;
}
