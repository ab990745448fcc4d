import { describe, expect, it } from 'vitest';
import { table } from '../../client/cli/lab.ts';
import type { LabStatus } from '../../lab/status.ts';

const status: LabStatus = {
  lab: 'lab',
  vm: false,
  hosts: [
    {
      name: 'host-1',
      container: 'refit-lab-host-1',
      state: 'running',
      address: '10.213.7.10',
      ports: { engine: 20001, etcd: 20002, http: 20003 },
    },
    {
      name: 'host-2',
      container: 'refit-lab-host-2',
      state: 'exited',
      address: '10.213.7.11',
      ports: { engine: 20004, etcd: null, http: 20005 },
    },
  ],
  registry: { name: 'registry.lab:5000', endpoint: 'http://127.0.0.1:20000', alive: true },
  balancer: { name: 'edge', endpoint: 'tcp://127.0.0.1:19999', url: 'http://127.0.0.1:19998', alive: true },
  etcd: [{ name: 'host-1', healthy: false }],
  temporal: { address: '127.0.0.1:7233', ui: 'http://127.0.0.1:8233', alive: false, pid: 1 },
  worker: { pid: null, alive: false },
  workers: [],
  upgrader: null,
  api: { url: 'http://127.0.0.1:7280', tokenFile: '.refit/lab/api/admin.token', pid: null, alive: false },
};

describe('the table of a lab', () => {
  it('has a line for each host and one for each part beside them', () => {
    expect(table(status)).toBe(
      [
        'HOST    STATE    ADDRESS      ENGINE           PLATFORM         ETCD',
        'host-1  running  10.213.7.10  127.0.0.1:20001  127.0.0.1:20003  not healthy',
        'host-2  exited   10.213.7.11  127.0.0.1:20004  127.0.0.1:20005',
        '',
        'registry  registry.lab:5000 at http://127.0.0.1:20000',
        'balancer  edge at tcp://127.0.0.1:19999, requests at http://127.0.0.1:19998',
        'temporal  127.0.0.1:7233, Web UI http://127.0.0.1:8233 (not alive)',
        'worker    none',
        'api       http://127.0.0.1:7280, token in .refit/lab/api/admin.token (not alive)',
        '',
      ].join('\n'),
    );
  });
});
