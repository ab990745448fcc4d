import { STATE_FOLDER } from '../places.ts';

export const AGENT_UNIT = 'refit-agent.service';

const current = `${STATE_FOLDER}/agents/current`;

/** The agent as a unit of the host. It brings its own loader and Node, so it needs nothing of what it may be replacing. */
export const unitFile = (): string => `[Unit]
Description=refit agent: upgrades this host
# Whatever made it stop, it has a journal to go on with.
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart=${current}/runtime/ld.so --library-path ${current}/runtime/lib ${current}/runtime/node ${current}/agent/agent.cjs run
Restart=always
RestartSec=100ms
# What a step started must not outlive the agent: the next one looks at what it left.
KillMode=control-group
# An agent is stopped by killing it; one that hangs is not waited for.
TimeoutStopSec=2s
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
`;
