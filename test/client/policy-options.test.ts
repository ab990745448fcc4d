import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { CliExit } from '../../client/cli/exit.ts';
import {
  addInstallOptions,
  addPolicyOptions,
  policyFromOptions,
  type PolicyOptions,
} from '../../client/cli/policy-options.ts';
import { parseDuration, parseSize } from '../../client/cli/quantity.ts';
import { defaultPolicy, type Policy } from '../../model/policy.ts';

/** The policy that a command line means. */
function policyOf(...argv: readonly string[]): Policy {
  const command = addPolicyOptions(addInstallOptions(new Command().exitOverride())).configureOutput({
    writeErr: () => undefined,
  });
  return policyFromOptions(command.parse([...argv], { from: 'user' }).opts<PolicyOptions>());
}

describe('the policy of an upgrade', () => {
  it('is the default one when nothing is said', () => {
    expect(policyOf()).toEqual(defaultPolicy);
  });

  it('takes waves from their sizes alone', () => {
    expect(policyOf('--waves', '1,50%').install).toEqual({
      strategy: 'waves',
      sizes: [{ hosts: 1 }, { percent: 50 }],
      maxUnavailable: null,
    });
  });

  it('begins with one host and ends with a quarter of the fleet when waves have no sizes', () => {
    expect(policyOf('--install', 'waves', '--max-unavailable', '10%').install).toEqual({
      strategy: 'waves',
      sizes: [{ hosts: 1 }, { hosts: 5 }, { percent: 25 }],
      maxUnavailable: { percent: 10 },
    });
  });

  it.each(['serial', 'daisy-chain'])('refuses wave sizes for %s, where they would have no effect', (strategy) => {
    expect(() => policyOf('--install', strategy, '--waves', '1,2')).toThrow(CliExit);
    expect(() => policyOf('--install', strategy, '--max-unavailable', '2')).toThrow(`not with --install ${strategy}`);
  });

  it('refuses a strategy that there is not', () => {
    expect(() => policyOf('--install', 'parallel')).toThrow('Allowed choices are serial, daisy-chain, waves');
  });

  it('skips every host that fails when skip is asked for without a budget', () => {
    expect(policyOf('--on-failure', 'skip').maxFailures).toEqual({ percent: 100 });
    expect(policyOf('--on-failure', 'skip', '--max-failures', '1').maxFailures).toEqual({ hosts: 1 });
  });

  it('takes every bound from its option', () => {
    const policy = policyOf(
      ...['--install', 'daisy-chain', '--on-failure', 'rollback', '--max-failures', '20%', '--step'],
      ...['--max-parallel-downloads', '3', '--download-limit', '1GiB', '--disk-floor', '2GB'],
      ...['--download-deadline', '10m', '--host-deadline', '5m', '--silence', '30s'],
      ...['--environment-retry', '2s', '--environment-retries', '7'],
      ...['--accept-risk', 'long-lock', '--points-of-no-return', 'pass'],
    );

    expect(policy).toEqual({
      install: { strategy: 'daisy-chain' },
      onFailure: 'rollback',
      maxFailures: { percent: 20 },
      step: true,
      maxParallelDownloads: 3,
      downloadByteLimit: 1024 ** 3,
      diskFloorBytes: 2e9,
      downloadDeadlineMs: 600_000,
      hostDeadlineMs: 300_000,
      silenceMs: 30_000,
      environmentRetryMs: 2_000,
      environmentRetries: 7,
      acceptRisks: ['long-lock'],
      pointsOfNoReturn: 'pass',
    } satisfies Policy);
  });

  it('accepts each risk that is named, once', () => {
    const risks = policyOf('--accept-risk', 'b', '--accept-risk', 'a', '--accept-risk', 'b').acceptRisks;

    expect(risks).toEqual(['b', 'a']);
    expect(() => policyOf('--accept-risk', ' ')).toThrow('Expected the name of a risk');
    expect(() => policyOf(...Array.from({ length: 33 }, (_, index) => `--accept-risk=r-${index}`))).toThrow(
      'at most 32',
    );
  });

  it('refuses an answer about points of no return that there is not', () => {
    expect(() => policyOf('--points-of-no-return', 'never')).toThrow('Allowed choices are ask, pass');
  });

  it('says its own defaults in the help', () => {
    const help = addPolicyOptions(addInstallOptions(new Command())).helpInformation().replaceAll(/\s+/g, ' ');
    const { onFailure, maxParallelDownloads, silenceMs, environmentRetryMs, environmentRetries, pointsOfNoReturn } =
      defaultPolicy;
    const defaults = [
      onFailure,
      maxParallelDownloads,
      `${silenceMs / 1_000}s`,
      `${environmentRetryMs / 1_000}s`,
      environmentRetries,
      pointsOfNoReturn,
    ];

    for (const said of defaults) expect(help).toContain(`(default: ${said})`);
    expect(parseSize(/download for one host \(default: (\w+)\)/.exec(help)?.[1] ?? '')).toBe(
      defaultPolicy.downloadByteLimit,
    );
    expect(parseSize(/on a host’s disk \(default: (\w+)\)/.exec(help)?.[1] ?? '')).toBe(defaultPolicy.diskFloorBytes);
    expect(parseDuration(/download of one host \(default: (\w+)\)/.exec(help)?.[1] ?? '')).toBe(
      defaultPolicy.downloadDeadlineMs,
    );
    expect(parseDuration(/health included \(default: (\w+)\)/.exec(help)?.[1] ?? '')).toBe(
      defaultPolicy.hostDeadlineMs,
    );
  });
});
